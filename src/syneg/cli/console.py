"""Where the command line writes: results to standard output, all else to standard error."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from syneg.progress import Task

# A path or a place such as "test.tsv:100:" is no emoji.
out = Console(soft_wrap=True, emoji=False)
err = Console(stderr=True, emoji=False)
_INTERRUPTED = 130
_SECONDS_BETWEEN_LINES = 30.0


def set_up_logging(level: int) -> None:
    """Send syneg's own messages to standard error, plainly; libraries only warn of errors."""
    handler = _ConsoleHandler()
    root = logging.getLogger("syneg")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
    for name in ("transformers", "sentence_transformers", "datasets", "bm25s", "httpx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger().setLevel(logging.ERROR)
    if level > logging.DEBUG:
        warnings.simplefilter("ignore")


def say_interrupted() -> int:
    """Say how to go on after Ctrl-C, and return the exit code that shells have for it."""
    err.print("interrupted; run the same command again to go on", highlight=False)
    return _INTERRUPTED


class _ConsoleHandler(logging.Handler):
    """Prints through the console that draws the bars, so that neither spoils the other."""

    def emit(self, record: logging.LogRecord) -> None:
        style = "yellow" if record.levelno >= logging.WARNING else None
        err.print(record.getMessage(), style=style, markup=False, highlight=False, soft_wrap=True)


class _BarTask:
    def __init__(self, bars: RichProgress, number: TaskID) -> None:
        self.bars = bars
        self.number = number

    def advance(self, count: float = 1) -> None:
        self.bars.advance(self.number, count)

    def describe(self, text: str) -> None:
        self.bars.update(self.number, detail=text)


class _LineTask:
    """For logs and pipes: a line now and then instead of a bar that moves."""

    def __init__(self, name: str, total: float | None, done: float) -> None:
        self.name = name
        self.total = total
        self.first = done
        self.done = done
        self.started = self.last = time.monotonic()

    def advance(self, count: float = 1) -> None:
        self.done += count
        now = time.monotonic()
        if now - self.last < _SECONDS_BETWEEN_LINES or not self.total:
            return
        self.last = now
        per_unit = (now - self.started) / max(self.done - self.first, 1e-9)
        left = max(0.0, self.total - self.done) * per_unit
        logging.getLogger("syneg").info(
            "  %s: %.0f of %.0f, about %.0f s left", self.name, self.done, self.total, left
        )

    def describe(self, text: str) -> None:
        pass


class ConsoleProgress:
    """Bars with the time left on a terminal, a line every half minute elsewhere."""

    @contextmanager
    def task(self, name: str, total: float | None, done: float = 0) -> Iterator[Task]:
        """Show one task while the block runs."""
        if not err.is_terminal:
            yield _LineTask(name, total, done)
            return
        columns = (
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
        )
        with RichProgress(*columns, console=err, transient=True) as bars:
            number = bars.add_task(name, total=total, completed=int(done), detail="")
            yield _BarTask(bars, number)
