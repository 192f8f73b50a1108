"""Noticing that a server answers nothing any more."""

from __future__ import annotations

from collections.abc import Sequence

from syneg.errors import InputError
from syneg.llm.protocol import FailureKind, LanguageModelError
from syneg.llm.retries import UNUSABLE_ANSWERS

# Failures that tell of the server and not of the request.
_OF_THE_SERVER = frozenset({FailureKind.UNREACHABLE, FailureKind.RATE_LIMIT})
_FEWEST_FAILURES = 50


class Outage:
    """Notices when going on is of no use because nothing is answered any more.

    Args:
        concurrency: How many requests are under way at once.

    Example:
        >>> outage = Outage(concurrency=1)
        >>> outage.go_on("key", LanguageModelError(FailureKind.SERVER, "ill"))
        >>> outage.keys
        ['key']
        >>> outage.end()
        >>> outage.keys
        []
    """

    def __init__(self, concurrency: int) -> None:
        self._most_unreached = 2 * concurrency
        # Any one request may be bad, but so many in a row mean a wrong model or a sick server.
        self._most_failed = max(_FEWEST_FAILURES, 10 * concurrency)
        self._unreached = 0
        self._keys: list[str] = []

    @property
    def keys(self) -> Sequence[str]:
        """The requests that failed since the server last answered anything."""
        return self._keys

    def end(self) -> None:
        """Note that the server answered something."""
        self._unreached = 0
        self._keys = []

    def go_on(self, key: str, error: LanguageModelError) -> None:
        """Note a request that failed for good.

        Args:
            key: The request's key.
            error: Its last failure.

        Raises:
            InputError: Too many failed one after another.
        """
        if error.kind in UNUSABLE_ANSWERS:
            self.end()
            return
        self._keys.append(key)
        self._unreached = self._unreached + 1 if error.kind in _OF_THE_SERVER else 0
        if self._unreached >= self._most_unreached or len(self._keys) >= self._most_failed:
            raise InputError(
                f"the language model server stopped answering: {len(self._keys)} requests in a"
                f" row failed, the last with {error}",
                remedy="see to the server, then run the same command again to go on",
            )
