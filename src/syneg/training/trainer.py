"""Phase 3: contrastive training by sentence-transformers' trainer, killed and resumed at will."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syneg.encoders.encoder import Encoder
from syneg.errors import MissingExtraError
from syneg.files import remove_tree, write_json
from syneg.progress import Progress
from syneg.training.adapters import adapter_trainer
from syneg.training.examples import TrainingExamples
from syneg.training.options import TrainingOptions
from syneg.training.preparation import (
    Kept,
    set_for_training,
    training_precision,
    weight_hashes,
)

logger = logging.getLogger(__name__)
_LOGGED = 200
"""About so many losses are kept, however long training is."""


@dataclass(frozen=True)
class TrainingResult:
    """What training came to.

    Attributes:
        steps: Optimizer steps.
        instances: Training instances.
        losses: (step, mean loss since the one before).
        observed: By step, what the loss saw of synthetic negatives: the share of the negatives'
            gradient that they would hold under plain InfoNCE, and how far below the positive
            they were.
        development: Development score by epoch.
        best_epoch: The epoch whose model is kept.
        precision: The precision used.
        seconds: Time of this process; less than the whole after a resume.
    """

    steps: int
    instances: int
    losses: list[tuple[int, float]]
    observed: list[dict[str, float]]
    development: dict[int, float]
    best_epoch: int
    precision: str
    seconds: float

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
) -> TrainingResult:
    """Fine-tune a model in place, contrastively, over hard and in-batch negatives.

    The loss is `syneg.training.loss.NegativesLoss`: InfoNCE, and what the options ask beside
    it. A text that the judgements call relevant to a query is never its negative, whichever
    instance brings it into the batch. Checkpoints go to `folder`; when called again with the
    same arguments, training goes on from the last whole one.

    Args:
        model: A `SentenceTransformer`.
        examples: The texts, and what the loss must know of them.
        options: Rate, epochs, temperature and so on.
        folder: Gets checkpoints, `best/` and `history.json`.
        development_score: Gives a model's score on the development split, by which the best
            epoch is kept; without it, `model` after the last step is the result.
        progress: Shows the steps.
        seed: Of the order of the data and of dropout.
        starting: The model before training; needed for distillation.

    Raises:
        SynegError: The loss is no longer finite.
        MissingExtraError: The packages for training are not installed.
    """
    try:
        from datasets import Dataset
        from sentence_transformers import (
            SentenceTransformerTrainer,
            SentenceTransformerTrainingArguments,
        )
        from transformers import PrinterCallback
    except ImportError as error:
        raise MissingExtraError(str(error.name), "train") from error

    from syneg.training.callbacks import (
        KeepBest,
        LossProgress,
        StepProgress,
        StopAtNaN,
        TimedCheckpoints,
        best_epoch,
        read_history,
    )
    from syneg.training.loss import NegativesLoss

    started = time.monotonic()
    instances = examples.table.num_rows
    total = options.epochs * -(-instances // options.batch_size)
    precision = training_precision(options, model.device.type)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        warmup_steps=options.warmup,
        weight_decay=options.weight_decay,
        lr_scheduler_type="linear",
        bf16=precision == "bfloat16",
        use_cpu=model.device.type == "cpu",
        seed=seed,
        data_seed=seed,
        save_strategy="no",
        save_total_limit=2,
        logging_steps=max(1, total // _LOGGED),
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=model.device.type != "cpu",
    )
    own_length = model.max_seq_length
    distilled = options.loss.distillation > 0
    loss = NegativesLoss(
        model, examples.roles(starting if distilled else None), options.loss, options.temperature
    )
    # A card that has examples is not searched for some, at every start, with a bar of its own.
    model.model_card_data.widget = [{"text": ""}]
    checkpoint = last_whole_checkpoint(folder)
    kept = Kept(model, options, seed)
    measured = development_score is not None
    callbacks = [
        LossProgress(loss),
        TimedCheckpoints(options.checkpoint_seconds, measured=measured),
        StopAtNaN(),
    ]
    if measured:
        callbacks.append(KeepBest(development_score, folder, own_length, kept))
    trainer_class = SentenceTransformerTrainer
    if kept.adapters is not None:
        trainer_class = adapter_trainer(trainer_class, kept.adapters)
    trainer = trainer_class(
        model=model,
        args=arguments,
        train_dataset=Dataset(examples.table),
        loss=loss,
        callbacks=callbacks,
    )
    # The trainer prints its log lines unless this callback is taken away.
    trainer.remove_callback(PrinterCallback)
    done = 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])
    if checkpoint is not None:
        logger.info("training goes on from step %d of about %d", done, total)
    with (
        set_for_training(model, options, precision),
        progress.task("train", total=total, done=done) as task,
    ):
        trainer.add_callback(StepProgress(task))
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    history = read_history(folder)
    best = best_epoch(history) if history else options.epochs
    winner = folder / f"epoch-{best}"
    if winner.is_dir():
        # Otherwise an earlier process had come this far.
        remove_tree(folder / "best")
        write_json(folder / "best.json", weight_hashes(winner))
        winner.rename(folder / "best")
    if not measured:
        kept.apply()
    log = trainer.state.log_history
    return TrainingResult(
        steps=int(trainer.state.global_step),
        instances=instances,
        losses=[(int(one["step"]), float(one["loss"])) for one in log if "loss" in one],
        observed=[
            {key: value for key, value in one.items() if key == "step" or "synthetic" in key}
            for one in log
            if any("synthetic" in key for key in one)
        ],
        development=history,
        best_epoch=best,
        precision=precision,
        seconds=time.monotonic() - started,
    )


def last_whole_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end, and remove the others' debris."""
    from syneg.training.callbacks import COMPLETE

    whole = []
    for place in folder.glob("checkpoint-*"):
        if (place / COMPLETE).is_file():
            whole.append(place)
        else:
            remove_tree(place)
    return max(whole, key=lambda place: int(place.name.rpartition("-")[2]), default=None)
