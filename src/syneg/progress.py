"""How long work tells what it has done, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable


@runtime_checkable
class Task(Protocol):
    """One piece of work whose progress is being shown."""

    def advance(self, count: float = 1) -> None:
        """Report that `count` more units are done."""

    def describe(self, text: str) -> None:
        """Replace the short text shown beside the bar."""


@runtime_checkable
class Progress(Protocol):
    """Shows tasks; the command line draws bars, the Python API is silent."""

    @contextmanager
    def task(self, name: str, total: float | None, done: float = 0) -> Iterator[Task]:
        """Open a task of `total` units (None: unknown), `done` of them finished earlier."""
        ...  # pragma: no cover


class _SilentTask:
    def advance(self, count: float = 1) -> None:
        pass

    def describe(self, text: str) -> None:
        pass


class SilentProgress:
    """A `Progress` that shows nothing.

    Example:
        >>> with SilentProgress().task("encode", total=2) as task:
        ...     task.advance(2)
    """

    @contextmanager
    def task(self, name: str, total: float | None, done: float = 0) -> Iterator[Task]:
        """Open a task that shows nothing."""
        yield _SilentTask()
