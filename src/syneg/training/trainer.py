"""Phase 3: InfoNCE through sentence-transformers' trainer, killed and resumed at will."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from syneg.errors import MissingExtraError
from syneg.files import remove_tree, write_json
from syneg.progress import Progress
from syneg.training.options import TrainingOptions
from syneg.training.preparation import (
    set_attention_dropout,
    training_precision,
    warn_of_left_out,
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
        development: Development score by epoch.
        best_epoch: The epoch whose model is kept.
        precision: The precision used.
        seconds: Time of this process; less than the whole after a resume.
    """

    steps: int
    instances: int
    losses: list[tuple[int, float]]
    development: dict[int, float]
    best_epoch: int
    precision: str
    seconds: float

    def summary(self) -> dict[str, Any]:
        """Return plain values for the manifest and the report."""
        return dict(self.__dict__)


def train(
    model: Any,
    examples: pa.Table,
    options: TrainingOptions,
    folder: Path,
    *,
    development_score: Any,
    progress: Progress,
    seed: int = 0,
) -> TrainingResult:
    """Fine-tune a model in place with InfoNCE over hard and in-batch negatives.

    The loss of an instance is -log softmax of its positive's similarity / τ against its own
    negatives and all positives and negatives of the batch's other instances
    (sentence-transformers' MultipleNegativesRankingLoss with scale 1/τ). No text occurs twice
    in a batch, so a positive that two queries share is never a negative; another positive of
    a query with several can be one. Checkpoints go to `folder`; when
    called again with the same arguments, training goes on from the last whole one.

    Args:
        model: A `SentenceTransformer`.
        examples: Columns anchor, positive, negative_1 … negative_k.
        options: Rate, epochs, temperature and so on.
        folder: Gets checkpoints, `best/` and `history.json`.
        development_score: Gives a model's score on the development split.
        progress: Shows the steps.
        seed: Of the order of the data and of dropout.

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
        from sentence_transformers.sentence_transformer.losses import (
            MultipleNegativesRankingLoss,
        )
        from sentence_transformers.sentence_transformer.training_args import BatchSamplers
        from transformers import PrinterCallback
    except ImportError as error:
        raise MissingExtraError(str(error.name), "train") from error

    from syneg.training.callbacks import (
        KeepBest,
        StepProgress,
        StopAtNaN,
        TimedCheckpoints,
        best_epoch,
        read_history,
    )

    started = time.monotonic()
    total = options.epochs * -(-examples.num_rows // options.batch_size)
    precision = training_precision(options, model.device.type)
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        warmup_steps=options.warmup,
        weight_decay=options.weight_decay,
        lr_scheduler_type="linear",
        batch_sampler=BatchSamplers.NO_DUPLICATES,
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
    if options.attention_dropout is not None:
        set_attention_dropout(model, options.attention_dropout)
    own_length = model.max_seq_length
    # Models without attention have no limit of their own.
    model.max_seq_length = int(min(own_length or math.inf, options.max_length))
    # A card that has examples is not searched for some, at every start, with a bar of its own.
    model.model_card_data.widget = [{"text": ""}]
    checkpoint = last_whole_checkpoint(folder)
    warn_of_left_out(examples, options.batch_size, seed)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=Dataset(examples),
        loss=MultipleNegativesRankingLoss(model, scale=1 / options.temperature),
        callbacks=[
            TimedCheckpoints(options.checkpoint_seconds),
            StopAtNaN(),
            KeepBest(development_score, folder, own_length),
        ],
    )
    # The trainer prints its log lines unless this callback is taken away.
    trainer.remove_callback(PrinterCallback)
    done = 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])
    if checkpoint is not None:
        logger.info("training goes on from step %d of about %d", done, total)
    try:
        with progress.task("train", total=total, done=done) as task:
            trainer.add_callback(StepProgress(task))
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    finally:
        model.max_seq_length = own_length
    history = read_history(folder)
    best = best_epoch(history)
    winner = folder / f"epoch-{best}"
    if winner.is_dir():
        # Otherwise an earlier process had come this far.
        remove_tree(folder / "best")
        write_json(folder / "best.json", weight_hashes(winner))
        winner.rename(folder / "best")
    return TrainingResult(
        steps=int(trainer.state.global_step),
        instances=examples.num_rows,
        losses=[
            (int(one["step"]), float(one["loss"]))
            for one in trainer.state.log_history
            if "loss" in one
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
