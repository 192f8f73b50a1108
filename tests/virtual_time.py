"""An event loop whose clock jumps to the next timer, so that minutes take no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class _Jumping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


def run_in_virtual_time(start: Callable[[Callable[[], float]], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine that is given the clock; there must be no real input or output in it."""
    selector = _Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]
    try:
        return loop.run_until_complete(start(loop.time))
    finally:
        loop.close()
