"""How a retriever is fine-tuned."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class TrainingOptions(BaseModel):
    """Options of contrastive fine-tuning.

    Attributes:
        epochs: Passes over the training instances; the best one on the development split is
            kept.
        batch_size: Instances per step.
        learning_rate: Peak of the linear schedule.
        warmup: Share of the steps in which the rate rises.
        temperature: τ of InfoNCE; similarities are divided by it.
        max_length: Most tokens read of a text while training; evaluation reads as many as
            the model does.
        weight_decay: Of AdamW.
        attention_dropout: Dropout of the attention weights while training; None leaves the
            model's own. At 0 the fused attention kernels can be used: with MiniLM on two cores
            a step takes about 6 seconds instead of 10, and 4.6 GB instead of 8.6. The other
            dropouts stay as the model has them.
        precision: "auto" takes bfloat16 where the processor or GPU computes in it.
        checkpoint_seconds: Seconds of training between two checkpoints; a run that is killed
            repeats at most so much.
    """

    model_config = ConfigDict(extra="forbid")

    epochs: Annotated[int, Field(ge=1)] = 2
    batch_size: Annotated[int, Field(ge=2)] = 32
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 2e-5
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1
    temperature: Annotated[float, Field(gt=0, le=10)] = 0.05
    max_length: Annotated[int, Field(ge=8)] = 160
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] | None = 0.0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 30.0
