"""Starting processes that tests stop."""

from __future__ import annotations

import signal


def obey_interrupts() -> None:
    """Let a child be interrupted although the tests run in the background.

    Shells start background jobs with the interrupt signal ignored, and children inherit that.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
