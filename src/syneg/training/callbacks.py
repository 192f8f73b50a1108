"""What happens beside the training steps: progress, checkpoints, the development split."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from syneg.errors import SynegError
from syneg.files import read_json, remove_tree, write_json, write_text
from syneg.progress import Task
from syneg.training.query_side import write_card

COMPLETE = "syneg-complete"
"""Name of the file that says a checkpoint was written to its end."""

DevelopmentScore = Callable[[Any], float]


class StepProgress(TrainerCallback):  # type: ignore[misc]
    """Moves a bar by one at every step."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Report the step."""
        self.task.advance()


class LossProgress(TrainerCallback):  # type: ignore[misc]
    """Tells the loss how far training is, and puts what it saw into the training log."""

    def __init__(self, loss: Any) -> None:
        self.loss = loss

    def on_step_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Pass on the share of the steps that is done."""
        self.loss.done = state.global_step / max(1, state.max_steps)
        self.loss.step = state.global_step

    def on_log(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Add to the newest log entry, which checkpoints keep."""
        if state.log_history:
            state.log_history[-1].update(self.loss.read_observed())


class TimedCheckpoints(TrainerCallback):  # type: ignore[misc]
    """Asks for a checkpoint every so many seconds and marks those that are whole.

    Args:
        seconds: Least time between two checkpoints; 0 asks for one at every step.
        measured: Whether epochs end with a measurement, which must not be repeated.
    """

    def __init__(self, seconds: float, *, measured: bool = True) -> None:
        self.seconds = seconds
        self.measured = measured
        self.last = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Ask for a checkpoint when it is time, but not where the epoch's end asks for one.

        A checkpoint before the epoch's end was measured would let a resumed run skip that
        measurement.
        """
        last_of_epoch = self.measured and state.global_step % steps_per_epoch(args, state) == 0
        if time.monotonic() - self.last >= self.seconds and not last_of_epoch:
            control.should_save = True

    def on_epoch_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Ask for a checkpoint; the trainer writes it after every callback was called.

        Training that stops inside an epoch comes here too, with its checkpoint written.
        """
        if state.global_step % steps_per_epoch(args, state) == 0:
            control.should_save = control.should_save or self.measured

    def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Mark the checkpoint: the trainer calls this after its last file."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        write_text(folder / COMPLETE, "")
        self.last = time.monotonic()


class StopAfter(TrainerCallback):  # type: ignore[misc]
    """Stops training after a step, with a checkpoint from which it goes on.

    Args:
        step: Steps that are done then.
    """

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Stop; the checkpoint of an epoch's last step is written after its measurement."""
        if state.global_step == self.step:
            control.should_training_stop = control.should_log = True
            control.should_save = self.step % steps_per_epoch(args, state) != 0

    def on_epoch_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Ask for the checkpoint of an epoch's last step."""
        if state.global_step == self.step and self.step % steps_per_epoch(args, state) == 0:
            control.should_save = True


class StopAtNaN(TrainerCallback):  # type: ignore[misc]
    """Ends training when the loss is no longer a finite number."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
        """Look at the logged loss."""
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            raise _diverged(f"the loss is {loss}", state)


class KeepBest(TrainerCallback):  # type: ignore[misc]
    """Measures the model on the development split after every epoch and keeps the best.

    At every moment the folder holds the model of the best epoch that `history.json` names:
    a new one is saved before it is entered, an old one removed after.

    Args:
        score: Gives the development score of a model.
        folder: Gets `epoch-N/` (the best epoch's model) and `history.json` (score by epoch).
        length: Tokens that the model reads of a text outside training; measured and saved
            with it, whatever training reads.
        kept: Gives the model that is measured and kept while a block runs; None for the one that
            is trained.
        query_side_only: Whether documents keep the starting model's vectors, which is said in
            what is saved.
    """

    def __init__(
        self,
        score: DevelopmentScore,
        folder: Path,
        length: int | None,
        kept: Callable[[], contextlib.AbstractContextManager[Any]] | None = None,
        *,
        query_side_only: bool = False,
    ) -> None:
        self.score = score
        self.folder = folder
        self.length = length
        self.kept = kept
        self.query_side_only = query_side_only

    def on_epoch_end(
        self, args: Any, state: Any, control: Any, model: Any = None, **rest: Any
    ) -> None:
        """Measure, and save the model if none before was better."""
        steps = steps_per_epoch(args, state)
        if state.global_step % steps:
            return  # Training stops inside the epoch, and will go on.
        epoch = max(1, round(state.global_step / steps))
        # A resumed run may come to an epoch's end a second time.
        history = {key: value for key, value in read_history(self.folder).items() if key < epoch}
        training_length, model.max_seq_length = model.max_seq_length, self.length
        try:
            with contextlib.nullcontext(model) if self.kept is None else self.kept() as kept:
                score = float(self.score(kept))
                if not math.isfinite(score):
                    raise _diverged(f"the development score is {score}", state)
                if score > max(history.values(), default=-math.inf):
                    place = self.folder / f"epoch-{epoch}"
                    save_model(kept, place, query_side_only=self.query_side_only)
        finally:
            model.max_seq_length = training_length
        history[epoch] = score
        write_json(self.folder / "history.json", history)
        best = best_epoch(history)
        for place in self.folder.glob("epoch-*"):
            if place.name != f"epoch-{best}":
                remove_tree(place)


def _diverged(what: str, state: Any) -> SynegError:
    return SynegError(
        f"{what} at step {state.global_step}; lower training.learning_rate or raise "
        "training.temperature"
    )


def read_history(folder: Path) -> dict[int, float]:
    """Return the development score by epoch, as far as training came."""
    file = folder / "history.json"
    content = read_json(file) if file.is_file() else {}
    return {int(key): float(value) for key, value in content.items()}


def best_epoch(history: dict[int, float]) -> int:
    """Return the epoch with the highest score, the first of several.

    Example:
        >>> best_epoch({1: 0.5, 2: 0.7, 3: 0.7})
        2
    """
    return max(history, key=lambda epoch: (history[epoch], -epoch))


def steps_per_epoch(args: Any, state: Any) -> int:
    """Return the steps of one epoch, as the trainer planned them."""
    return max(1, round(float(state.max_steps) / float(args.num_train_epochs)))


def save_model(model: Any, folder: Path, *, query_side_only: bool = False) -> None:
    """Save a sentence-transformers model so that `folder` is never half a model.

    Args:
        model: The model.
        folder: What was there is replaced.
        query_side_only: Whether to write down that documents are encoded by the starting model.
    """
    temporary = folder.with_name(f".{folder.name}.partial")
    remove_tree(temporary)
    model.save_pretrained(str(temporary), safe_serialization=True, create_model_card=False)
    if query_side_only:
        write_card(temporary)
    remove_tree(folder)
    temporary.rename(folder)
