"""How a retriever is fine-tuned."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_PERIOD = re.compile(r"\s*(\d{1,9})\s*(epoch|step)s?\s*")


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
        retrieved: What is asked of the query's own retrieved negatives. "infonce": to stand in
            the softmax. "lambda": instead of that, log(1 + exp((s - s⁺)/τ)) for each, weighted
            with the change of the reciprocal rank if the negative and the positive changed
            places (the loss of ADORE, arXiv 2104.08051, after LambdaRank); it looks at the top
            of the list most.
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
    retrieved: Literal["infonce", "lambda"] = "infonce"
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

    @model_validator(mode="after")
    def _something_retrieved(self) -> LossOptions:
        if self.retrieved == "lambda" and self.applies_to == "hard":
            raise ValueError(
                "retrieved: lambda asks something of retrieved negatives, and applies_to: hard "
                "treats all of them as synthetic; leave one of the two away"
            )
        return self


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
        query_only: Train the query side alone; documents keep the vectors of the starting
            model, so that an index made with it stays valid. What is kept then has two sides:
            the tuned one for queries, the starting model for documents. Goes with adapters
            and with merging, which concern the query side then.
        refresh: Whether the retrieved negatives are retrieved anew while training; the
            synthetic ones of an instance always stay. "ance": every `refresh_every` documents
            are encoded with the model as it is then, and each instance's retrieved negatives
            are chosen anew (ANCE, arXiv 2007.00808). "adore": documents keep the starting
            model's vectors, and each step takes the nearest to its queries as they are encoded
            then (ADORE, arXiv 2104.08051); only the query side is trained. Both keep to the
            rules of `mining.select`, by the similarities of that moment.
        refresh_every: Under "ance", how often: "1 epoch", "500 steps".
        refresh_depth: So many of the nearest documents of each query are looked at.
        refresh_documents: Under "ance", most documents that are encoded for a refresh. Of a
            larger corpus: the training queries' positives and, best ranks first, what was
            mined for them before.
        refresh_negatives: Under "adore", retrieved negatives of each instance; None: as many
            as the mixture gives it. ADORE takes 200: their vectors are there already.
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
    query_only: bool = False
    refresh: Literal["none", "ance", "adore"] = "none"
    refresh_every: str = "1 epoch"
    refresh_depth: Annotated[int, Field(ge=1, le=10_000)] = 100
    refresh_documents: Annotated[int, Field(ge=1)] = 20_000
    refresh_negatives: Annotated[int, Field(ge=1, le=1000)] | None = None

    @field_validator("refresh_every")
    @classmethod
    def _period(cls, text: str) -> str:
        found = _PERIOD.fullmatch(text)
        if found is None or not int(found[1]):
            raise ValueError("write a number of epochs or steps, such as '1 epoch' or '500 steps'")
        count = int(found[1])
        return f"{count} {found[2]}{'' if count == 1 else 's'}"

    @model_validator(mode="after")
    def _no_contradiction(self) -> TrainingOptions:
        if self.query_only and self.refresh == "ance":
            raise ValueError(
                "refresh: ance encodes the documents anew, and query_only keeps their vectors; "
                "take refresh: adore, or leave query_only away"
            )
        if self.refresh_negatives is not None and self.refresh != "adore":
            raise ValueError(
                "refresh_negatives is for refresh: adore; otherwise mixing.retrieved says how "
                "many negatives are retrieved"
            )
        if self.trains_queries_only and self.loss.entropy_balance:
            raise ValueError(
                "loss.entropy_balance moves the synthetic texts' vectors alone, which stay as "
                "they are where only queries are trained (query_only, refresh: adore); set it to 0"
            )
        return self

    @property
    def trains_queries_only(self) -> bool:
        """Whether documents keep the starting model's vectors."""
        return self.query_only or self.refresh == "adore"

    def without_refresh(self) -> TrainingOptions:
        """Return the same options with the negatives that are given, for trials.

        Example:
            >>> options = TrainingOptions(refresh="adore").without_refresh()
            >>> options.refresh, options.query_only
            ('none', True)
        """
        given = {"query_only": self.trains_queries_only, "refresh": "none"}
        return self.model_copy(update={**given, "refresh_negatives": None})

    def refresh_steps(self, steps_per_epoch: int) -> int | None:
        """Return after how many steps negatives are chosen anew under "ance"; None without it.

        Example:
            >>> TrainingOptions(refresh="ance", refresh_every="2 epochs").refresh_steps(50)
            100
        """
        if self.refresh != "ance":
            return None
        count, unit = self.refresh_every.split()
        return int(count) * (steps_per_epoch if unit.startswith("epoch") else 1)
