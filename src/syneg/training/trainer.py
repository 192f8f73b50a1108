"""Phase 3: contrastive training by sentence-transformers' trainer, killed and resumed at will."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syneg.encoders.contract import Encoder
from syneg.errors import MissingExtraError
from syneg.progress import Progress
from syneg.training.examples import TrainingExamples
from syneg.training.options import TrainingOptions
from syneg.training.preparation import last_whole_checkpoint, set_for_training
from syneg.training.retrieval import Retrieval

__all__ = ["TrainingResult", "last_whole_checkpoint", "train"]

logger = logging.getLogger(__name__)
_OBSERVED = re.compile("synthetic|retrieved")


@dataclass(frozen=True)
class TrainingResult:
    """What training came to.

    Attributes:
        steps: Optimizer steps.
        instances: Training instances.
        losses: (step, mean loss since the one before).
        observed: By step, what the loss saw of synthetic negatives: the share of the negatives'
            gradient that they would hold under plain InfoNCE, and how far below the positive
            they were; of negatives retrieved at each step: their mean rank, and how many an
            instance lacked.
        development: Development score by epoch.
        best_epoch: The epoch whose model is kept.
        precision: The precision used.
        seconds: Time of this process; less than the whole after a resume.
        query_side_only: Whether documents keep the starting model's vectors.
        refreshes: For each time that negatives were chosen anew: the step, the documents that
            were encoded, the retrieved negatives, how many of them changed, how many were
            kept because too few others were left, and how many candidates each rule removed.
    """

    steps: int
    instances: int
    losses: list[tuple[int, float]]
    observed: list[dict[str, float]]
    development: dict[int, float]
    best_epoch: int
    precision: str
    seconds: float
    query_side_only: bool = False
    refreshes: list[dict[str, Any]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return plain values for the manifest and the report."""
        return dict(self.__dict__)


def train(
    model: Any,
    examples: TrainingExamples,
    options: TrainingOptions,
    folder: Path,
    *,
    development_score: Any = None,
    progress: Progress,
    seed: int = 0,
    starting: Encoder | None = None,
    retrieval: Retrieval | None = None,
) -> TrainingResult:
    """Fine-tune a model in place, contrastively, over hard and in-batch negatives.

    The loss is `syneg.training.loss.NegativesLoss`: InfoNCE, and what the options ask beside
    it. A text that the judgements call relevant to a query is never its negative, whichever
    instance brings it into the batch. Checkpoints go to `folder`; when called again with the
    same arguments, training goes on from the last whole one.

    Where only the query side is trained (`query_only`, or `refresh` "adore"), what is kept has
    two sides: `encode_query` is tuned and `encode_document` is the starting model, to the bit.

    Args:
        model: A `SentenceTransformer`.
        examples: The texts, and what the loss must know of them.
        options: Rate, epochs, temperature and so on.
        folder: Gets checkpoints, `best/`, `history.json` and `refresh-STEP.parquet`.
        development_score: Gives a model's score on the development split, by which the best
            epoch is kept; without it, `model` after the last step is the result.
        progress: Shows the steps.
        seed: Of the order of the data and of dropout.
        starting: The model before training; needed for distillation, and where only the query
            side is trained.
        retrieval: What negatives are retrieved from while training; needed with `refresh`.
            Where only the query side is trained its vectors are taken as they are.

    Raises:
        SynegError: The loss is no longer finite.
        MissingExtraError: The packages for training are not installed.
        InputError: The options ask for something that was not given.
    """
    try:
        import datasets  # noqa: F401
        import sentence_transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(str(error.name), "train") from error
    from syneg.training.callbacks import best_epoch
    from syneg.training.segment import Training

    started = time.monotonic()
    training = Training(
        model, examples, options, folder, development_score, seed, starting, retrieval, progress
    )
    with (
        set_for_training(model, options, training.precision),
        progress.task("train", total=training.total, done=training.done) as task,
    ):
        if training.done:
            logger.info("training goes on from step %d of %d", training.done, training.total)
        log = training.run(task)
    history = training.finish()
    return TrainingResult(
        steps=training.done,
        instances=examples.table.num_rows,
        losses=[(int(one["step"]), float(one["loss"])) for one in log if "loss" in one],
        observed=[
            {key: value for key, value in one.items() if key == "step" or _OBSERVED.search(key)}
            for one in log
            if any(_OBSERVED.search(key) for key in one)
        ],
        development=history,
        best_epoch=best_epoch(history) if history else options.epochs,
        precision=training.precision,
        seconds=time.monotonic() - started,
        query_side_only=options.trains_queries_only,
        refreshes=training.refreshed(),
    )
