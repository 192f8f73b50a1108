"""Cleaning of texts that a language model wrote."""

from __future__ import annotations

import re

# Control characters other than white space, the byte order mark and lone surrogates: the
# first two are invisible and tell a generated text from a real one, the last cannot be stored.
_UNWANTED = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\u200b\ufeff\ud800-\udfff]")


def tidy(text: str) -> str:
    r"""Return `text` with single spaces, trimmed, without invisible control characters.

    Example:
        >>> tidy("  Two\n\n words\x00 ")
        'Two words'
    """
    return " ".join(_UNWANTED.sub("", text).split())
