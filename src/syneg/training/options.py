"""How a retriever is fine-tuned."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class LossOptions(BaseModel):
    """What the loss asks of each kind of negative.

    Attributes:
        in_batch: Which texts of the batch's other instances are negatives too: "all",
            "positives" (not their hard negatives) or "none" (the loss of SyNeg, arXiv
            2412.17250).
        synthetic: What is asked of a synthetic negative. "margin", the default: only to stay
            `synthetic_margin` below the positive, since the further such a text is pushed, the
            more the model learns to know generated texts (see docs/results.md). "infonce": to
            be as far away as any other negative, as in SyNeg. "graded": to keep the share
            `synthetic_share` of the softmax, so it ends below the positive and above random
            documents. "ranked": below the positive, and above the texts of other instances
            (the likelihood of Plackett and Luce over three levels).
        applies_to: "synthetic", or "hard": what the options say of synthetic negatives is
            asked of all hard negatives. The control that tells a remedy that helps any near
            text from one that helps synthetic negatives.
        synthetic_scope: "query": a synthetic negative counts for its own query only; "batch":
            for all queries of the batch.
        synthetic_share: Target share of the synthetic negatives under "graded"; 0 is
            "infonce".
        synthetic_margin: Under "margin", in units of similarity.
        synthetic_weight: Factor of a synthetic negative in the denominator of the softmax.
        term_weight: Weight of the term that "margin" and "ranked" add to InfoNCE.
        schedule: How the synthetic negatives' weight goes over training: "constant",
            "falling" (from whole to none) or "rising".
        entropy_balance: Weight of CausalNeg's loss on the shares of generated and mined
            negatives (arXiv 2606.01304; they take 0.05); 0 leaves it out.
        entropy_temperature: Its τ.
        distillation: Weight of the Kullback-Leibler divergence from the starting model's
            distribution over the same candidates; 0 leaves it out.
        without_source_direction: Take the direction from retrieved to synthetic negatives
            out of the gradient, so that nothing can be learned from the source alone.
    """

    model_config = ConfigDict(extra="forbid")

    in_batch: Literal["all", "positives", "none"] = "all"
    synthetic: Literal["margin", "infonce", "graded", "ranked"] = "margin"
    applies_to: Literal["synthetic", "hard"] = "synthetic"
    synthetic_scope: Literal["batch", "query"] = "batch"
    synthetic_share: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    synthetic_margin: Annotated[float, Field(ge=0, le=2)] = 0.05
    synthetic_weight: Annotated[float, Field(ge=0, le=100)] = 1.0
    term_weight: Annotated[float, Field(ge=0, le=100)] = 0.2
    schedule: Literal["constant", "falling", "rising"] = "constant"
    entropy_balance: Annotated[float, Field(ge=0)] = 0.0
    entropy_temperature: Annotated[float, Field(gt=0)] = 0.1
    distillation: Annotated[float, Field(ge=0)] = 0.0
    without_source_direction: bool = False


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
        loss: What is asked of each kind of negative.
        merge: Share of the tuned weights in the model that is kept; the rest is the starting
            model's (WiSE-FT, arXiv 2109.01903). 1 keeps the tuned weights as they are.
        lora_rank: Rank of low-rank adapters on all linear layers, which are trained in place of
            the model's own weights (LoRA, arXiv 2106.09685) and merged into it when it is kept;
            None trains all weights. Adapters want about ten times the learning rate.
        lora_scale: Factor of the adapters' product (α/rank).
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
    loss: LossOptions = LossOptions()
    merge: Annotated[float, Field(gt=0, le=1)] = 1.0
    lora_rank: Annotated[int, Field(ge=1, le=1024)] | None = None
    lora_scale: Annotated[float, Field(gt=0, le=64)] = 2.0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 30.0
