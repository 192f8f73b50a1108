"""The real encoder, counted, and what mining with it chose."""

from __future__ import annotations

from collections.abc import Callable

from syneg.encoders.encoder import SentenceEncoder, Vectors
from syneg.mining.alone import Mined
from syneg.mining.examples import chosen_examples

Miner = Callable[..., Mined]


class Counting:
    """The real encoder, which also counts what it encodes."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.encoder = encoder
        self.texts = 0

    @property
    def fingerprint(self) -> str:
        return self.encoder.fingerprint

    def encode_queries(self, texts: list[str]) -> Vectors:
        self.texts += len(texts)
        return self.encoder.encode_queries(texts)

    def encode_documents(self, texts: list[str]) -> Vectors:
        self.texts += len(texts)
        return self.encoder.encode_documents(texts)

    def count_too_long(self, texts: list[str]) -> int:
        return self.encoder.count_too_long(texts)


def chosen(mined: Mined) -> dict[str, list[str]]:
    return {
        one.query_id: [passage.doc_id for passage in one.negatives]
        for one in chosen_examples(mined)
    }
