"""Running a coroutine to its end from ordinary code, also inside a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_to_end(start: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a coroutine and return its result.

    Where an event loop runs already, as in a notebook, it runs in a loop of its own in another
    thread. When the caller is interrupted, the coroutine is cancelled and may tidy up.

    Args:
        start: A function that makes the coroutine.

    Returns:
        What the coroutine returns.

    Example:
        >>> async def two() -> int:
        ...     return 2
        >>> run_to_end(two)
        2
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start())
    return _run_in_thread(start)


def _run_in_thread(start: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def noted() -> Result:
        running.append((asyncio.get_running_loop(), asyncio.current_task()))
        return await start()

    with ThreadPoolExecutor(max_workers=1) as executor:
        future = executor.submit(lambda: asyncio.run(noted()))
        try:
            return future.result()
        except KeyboardInterrupt:
            for loop, task in running:
                if task is not None:
                    loop.call_soon_threadsafe(task.cancel)
            raise
