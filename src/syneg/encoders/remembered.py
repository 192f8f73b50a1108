"""Queries encoded once, however many sources and comparisons ask for their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from syneg.encoders.contract import Encoder, Vectors


class RememberedQueries:
    """An encoder that keeps the vectors of the queries it was given.

    For a model that does not change meanwhile. Each text's vector is held in memory: 150 MB
    for 100,000 queries of 384 dimensions.

    Args:
        encoder: The model.

    Example:
        >>> from syneg.encoders.encoder import load_encoder
        >>> encoder = RememberedQueries(load_encoder("minilm"))
        >>> first = encoder.encode_queries(["who purrs?", "who barks?"])
        >>> bool((encoder.encode_queries(["who barks?"]) == first[1]).all())
        True
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self._places: dict[str, int] = {}
        self._vectors: Vectors | None = None

    @property
    def fingerprint(self) -> str:
        """Hash of all that changes the vectors."""
        return self.encoder.fingerprint

    @property
    def device(self) -> str:
        """Where the model computes."""
        return str(getattr(self.encoder, "device", "cpu"))

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return one row per query; only those that are new are encoded."""
        new = [text for text in dict.fromkeys(texts) if text not in self._places]
        if new or self._vectors is None:
            encoded = self.encoder.encode_queries(new)
            known = self._vectors
            self._vectors = encoded if known is None else np.concatenate([known, encoded])
            self._places |= {text: len(self._places) + n for n, text in enumerate(new)}
        return self._vectors[[self._places[text] for text in texts]]

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per document, encoded anew each time."""
        return self.encoder.encode_documents(texts)

    def count_too_long(self, texts: Sequence[str]) -> int:
        """Return how many texts have more tokens than the model reads."""
        return self.encoder.count_too_long(texts)
