"""Training as sentence-transformers' trainer does it, in segments between which texts change."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer
from transformers import PrinterCallback

from syneg.encoders.contract import Encoder, Precision
from syneg.encoders.encoder import SentenceEncoder
from syneg.errors import InputError, SynegError
from syneg.files import remove_tree, write_json
from syneg.negatives.record import SYNTHETIC
from syneg.progress import Progress, Task
from syneg.training.adapters import adapter_trainer
from syneg.training.adore import StepRetriever, number_documents
from syneg.training.ance import Refreshes
from syneg.training.callbacks import (
    KeepBest,
    LossProgress,
    StepProgress,
    StopAfter,
    StopAtNaN,
    TimedCheckpoints,
    best_epoch,
    read_history,
)
from syneg.training.examples import LABEL, TrainingExamples
from syneg.training.fixed import FixedVectors, QuerySideLoss
from syneg.training.kept import Kept, without_wrapping
from syneg.training.loss import NegativesLoss
from syneg.training.options import TrainingOptions
from syneg.training.preparation import (
    checkpoint_step,
    last_whole_checkpoint,
    trainer_arguments,
    training_precision,
    weight_hashes,
)
from syneg.training.retrieval import Retrieval

logger = logging.getLogger(__name__)


class Training:
    """One training, which ends a segment wherever negatives are chosen anew.

    A new choice is a resume with other texts: the segment ends with a checkpoint, the next
    one begins from it. Schedule, optimizer, order of the data and random numbers so go on as
    they would have, and training that was killed takes the very path of one that was not.

    Args:
        model: A `SentenceTransformer`, as it is before training.
        examples: The texts of the mixture.
        options: Of training.
        folder: Gets all that is written.
        development_score: See `train`.
        seed: Of everything drawn.
        starting: The model before training.
        retrieval: What negatives are retrieved from.
        progress: Shows documents that are encoded.

    Raises:
        InputError: The options ask for something that was not given.
    """

    def __init__(
        self,
        model: Any,
        examples: TrainingExamples,
        options: TrainingOptions,
        folder: Path,
        development_score: Any,
        seed: int,
        starting: Encoder | None,
        retrieval: Retrieval | None,
        progress: Progress,
    ) -> None:
        _check(options, starting, retrieval)
        self.model, self.examples, self.options = model, examples, options
        self.folder, self.score, self.seed = folder, development_score, seed
        self.starting, self.retrieval = starting, retrieval
        self.per_epoch = -(-examples.table.num_rows // options.batch_size)
        self.total = options.epochs * self.per_epoch
        self.precision = training_precision(options, model.device.type)
        self._length = model.max_seq_length
        # A card that has examples is not searched for some, at every start, with a bar of its own.
        model.model_card_data.widget = [{"text": ""}]
        self._checkpoint = last_whole_checkpoint(folder)
        self.done = checkpoint_step(self._checkpoint)
        self._kept = Kept(model, options, seed)
        every = options.refresh_steps(self.per_epoch)
        self._refreshes = None
        if every is not None and retrieval is not None:
            self._refreshes = Refreshes(retrieval, options, folder, every, seed, progress)

    def run(self, task: Task) -> list[dict[str, Any]]:
        """Train to the end, and return the log.

        Args:
            task: Told of every step.
        """
        while True:
            trainer = self._trainer(self._texts(), task)
            start = None if self._checkpoint is None else str(self._checkpoint)
            try:
                trainer.train(resume_from_checkpoint=start)
            finally:
                without_wrapping(self.model)
            self.done = int(trainer.state.global_step)
            log: list[dict[str, Any]] = trainer.state.log_history
            if self.done >= self.total:
                return log
            self._checkpoint = last_whole_checkpoint(self.folder)
            if checkpoint_step(self._checkpoint) != self.done:
                raise SynegError(f"{self.folder}: the checkpoint of step {self.done} is missing")

    def finish(self) -> dict[int, float]:
        """Put the model that is kept in its place, and return the development scores by epoch."""
        history = read_history(self.folder)
        winner = self.folder / f"epoch-{best_epoch(history) if history else self.options.epochs}"
        if winner.is_dir():
            # Otherwise an earlier process had come this far.
            remove_tree(self.folder / "best")
            write_json(self.folder / "best.json", weight_hashes(winner))
            winner.rename(self.folder / "best")
        if self.score is None:
            self._kept.apply()
        if self.options.trains_queries_only:
            logger.info(
                "only the query side was trained: documents are encoded by the starting model "
                "as before, and an index of its vectors stays valid"
            )
        return history

    def refreshed(self) -> list[dict[str, Any]]:
        """Return what became of each new choice of negatives."""
        return [] if self._refreshes is None else self._refreshes.facts()

    def _texts(self) -> TrainingExamples:
        """Return the texts of the segment that begins now."""
        if self._refreshes is None:
            return self.examples
        # What is read while training does not bound what documents are encoded with.
        trained, self.model.max_seq_length = self.model.max_seq_length, self._length
        try:
            # After the last step nothing is chosen anew.
            step = min(self.done, self.total - 1)
            return self._refreshes.examples(step, self._current) or self.examples
        finally:
            self.model.max_seq_length = trained

    def _current(self) -> Encoder:
        if self._checkpoint is not None:
            self._kept.load(self._checkpoint)
        return SentenceEncoder(self.model, fingerprint="", precision=Precision(self.precision))

    def _trainer(self, examples: TrainingExamples, task: Task) -> Any:
        loss = self._loss(examples)
        queries_only = self.options.trains_queries_only
        names = [name for name in examples.table.column_names if name != LABEL]
        # Documents that are not encoded are not tokenised either.
        names = names[:1] if queries_only else names
        callbacks = [
            LossProgress(loss),
            TimedCheckpoints(self.options.checkpoint_seconds, measured=self.score is not None),
            StopAtNaN(),
        ]
        if self.score is not None:
            callbacks.append(
                KeepBest(
                    self.score, self.folder, self._length, self._kept,
                    query_side_only=queries_only,
                )
            )  # fmt: skip
        if self._refreshes is not None:
            callbacks.append(StopAfter(self._refreshes.begins(self.done) + self._refreshes.every))
        trainer_class = SentenceTransformerTrainer
        if self._kept.adapters is not None:
            trainer_class = adapter_trainer(trainer_class, self._kept.adapters)
        trainer = trainer_class(
            model=self.model,
            args=trainer_arguments(
                self.model, names, self.options, self.folder, self.precision, self.total, self.seed
            ),
            train_dataset=Dataset(examples.table.select([*names, LABEL])),
            loss=loss,
            callbacks=[*callbacks, StepProgress(task)],
        )
        # The trainer prints its log lines unless this callback is taken away.
        trainer.remove_callback(PrinterCallback)
        return trainer

    def _loss(self, examples: TrainingExamples) -> NegativesLoss:
        options, distilled = self.options, self.options.loss.distillation > 0
        starting = self.starting if distilled else None
        if not options.trains_queries_only:
            return NegativesLoss(
                self.model, examples.roles(starting), options.loss, options.temperature
            )
        assert self.starting is not None
        retriever = None
        store = None if self.retrieval is None else self.retrieval.vectors
        if options.refresh == "adore" and self.retrieval is not None:
            examples, numbers = number_documents(examples, self.retrieval.dataset)
            retriever = StepRetriever(
                examples, numbers, self.retrieval, options,
                seed=self.seed, device=str(self.model.device),
            )  # fmt: skip
        return QuerySideLoss(
            self.model,
            examples.roles(starting, queries_only=True),
            options.loss,
            options.temperature,
            FixedVectors(examples, self.starting, store),
            retriever,
        )


def _check(options: TrainingOptions, starting: Encoder | None, retrieval: Retrieval | None) -> None:
    if options.trains_queries_only and starting is None:
        raise InputError(
            "to train the query side alone the starting model is needed, whose vectors the "
            "documents keep",
            field="starting",
            remedy="give it to train()",
        )
    if options.refresh == "none":
        return
    if retrieval is None:
        raise InputError(
            "there is nothing here that negatives could be retrieved from while training",
            field="training.refresh",
            value=options.refresh,
            remedy="set it to none, or give `retrieval` to train()",
        )
    sources = pc.unique(pc.list_flatten(retrieval.instances["sources"])).to_pylist()
    if not set(sources) - {SYNTHETIC} and options.refresh_negatives is None:
        raise InputError(
            "no instance has a retrieved negative that another could take the place of",
            field="training.refresh",
            value=options.refresh,
            remedy="set mixing.retrieved to 1 or more, or training.refresh to none",
        )
