"""Whole HTTP exchanges over connections that are kept open, with a proxy or without."""

from __future__ import annotations

import errno
from typing import Protocol

from syneg.llm.protocol import FailureKind, LanguageModelError
from syneg.llm.replies import Reply

CONNECT_SECONDS = 10.0
# Many servers close a connection that has been idle for 5 seconds; one that is used again at
# that very moment is lost with its request.
IDLE_SECONDS = 4.0


class Connections(Protocol):
    """Open connections to one server; they belong to one event loop."""

    async def send(self, method: str, url: str, content: bytes | None) -> Reply:
        """Send one request and return the whole reply, whatever its status.

        Redirects are not followed.

        Raises:
            LanguageModelError: There was no whole reply.
        """
        ...  # pragma: no cover

    async def close(self) -> None:
        """Close the connections."""
        ...  # pragma: no cover


def broken(error: BaseException, kind: FailureKind = FailureKind.UNREACHABLE) -> LanguageModelError:
    """Return the failure that a library's error means.

    The detail is whole: a key in it is to be blotted out before it is shortened.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    if getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE):
        text += "; raise the limit of open files (ulimit -n) or lower the concurrency"
    return LanguageModelError(kind, text)
