"""Judgements of whole documents carried over to the chunks that the documents were cut into."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

# As a rule k1 is 1.2 to 2 and b is 0.75; chunks of a document are about equally long anyway.
_K1, _B = 1.5, 0.75
_SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SIGNS}]|[^\W{_SIGNS}]+")


class JudgedChunks(StrEnum):
    """Which chunks of a document that is relevant to a query are judged relevant."""

    BEST = "best"
    ALL = "all"


@dataclass
class ChunkChoice:
    """Finds the chunk of a judged document that has most in common with the query.

    A judgement says that a document is relevant, not where. The score is BM25 over the words,
    without stemming, its document frequencies taken over all chunks of judged documents.

    Args:
        query_texts: The text of every judged query by its id.
        queries_of: For every judged document, the ids of the queries it is judged for.

    Example:
        >>> choice = ChunkChoice({"q": "why do cats purr"}, {"d": ["q"]})
        >>> choice.add("d", ["Dogs bark at night.", "Cats purr when they are content."])
        >>> choice.best()
        {('q', 'd'): 1}
    """

    query_texts: Mapping[str, str]
    queries_of: Mapping[str, Sequence[str]]
    _found: dict[tuple[str, str], list[dict[str, int]]] = field(default_factory=dict)
    _lengths: dict[str, list[int]] = field(default_factory=dict)
    _chunks_with: Counter[str] = field(default_factory=Counter)

    def add(self, doc_id: str, texts: Sequence[str]) -> None:
        """Take note of the chunks of one document; one that nobody judged is passed over."""
        query_ids = [one for one in self.queries_of.get(doc_id, ()) if one in self.query_texts]
        if not query_ids:
            return
        counts = [Counter(_WORD.findall(text.casefold())) for text in texts]
        self._lengths[doc_id] = [one.total() for one in counts]
        for one in counts:
            self._chunks_with.update(one.keys())
        for query_id in query_ids:
            wanted = set(_WORD.findall(self.query_texts[query_id].casefold()))
            self._found[query_id, doc_id] = [
                {word: one[word] for word in wanted if word in one} for one in counts
            ]

    def best(self) -> dict[tuple[str, str], int]:
        """Return the number of the best chunk, from 0, by (query id, document id).

        Among equals the first is taken; -1 means that no chunk shares a word with the query.
        """
        chunks = sum(map(len, self._lengths.values()))
        mean = sum(map(sum, self._lengths.values())) / max(chunks, 1)
        weights = {
            word: math.log(1 + (chunks - count + 0.5) / (count + 0.5))
            for word, count in self._chunks_with.items()
        }
        chosen = {}
        for (query_id, doc_id), parts in self._found.items():
            scores = [
                _score(part, length / max(mean, 1), weights)
                for part, length in zip(parts, self._lengths[doc_id], strict=True)
            ]
            highest = max(scores)
            chosen[query_id, doc_id] = scores.index(highest) if highest > 0 else -1
        return chosen


def judged_chunks(
    judgements: pa.Table,
    chunk_ids: Mapping[str, Sequence[str]],
    best: Mapping[tuple[str, str], int] | None,
) -> Iterator[tuple[str, str, int]]:
    """Yield (query id, chunk id, grade) for the judgements of a split.

    A document that was not cut keeps its judgements. Where one is not relevant, none of its
    chunks is, so all of them get the judgement.

    Args:
        judgements: Columns of `QRELS_SCHEMA`.
        chunk_ids: The chunks of every judged document that was cut.
        best: From `ChunkChoice.best`; None gives every judgement to all chunks. A pair whose
            chunks share no word with the query gives it to the first.

    Example:
        >>> from syneg.datasets.dataset import QRELS_SCHEMA
        >>> table = pa.table({"query_id": ["q"], "doc_id": ["d"], "grade": [2]}, QRELS_SCHEMA)
        >>> list(judged_chunks(table, {"d": ["d#0", "d#1"]}, {("q", "d"): 1}))
        [('q', 'd#1', 2)]
        >>> list(judged_chunks(table, {"d": ["d#0", "d#1"]}, None))
        [('q', 'd#0', 2), ('q', 'd#1', 2)]
    """
    for batch in judgements.to_batches(max_chunksize=8192):
        columns = (batch.column(name).to_pylist() for name in ("query_id", "doc_id", "grade"))
        for query_id, doc_id, grade in zip(*columns, strict=True):
            ids: Iterable[str] = chunk_ids.get(doc_id, (doc_id,))
            if doc_id in chunk_ids and best is not None and grade > 0:
                ids = (chunk_ids[doc_id][max(best[query_id, doc_id], 0)],)
            for one in ids:
                yield query_id, one, grade


def _score(found: Mapping[str, int], length: float, weights: Mapping[str, float]) -> float:
    # Sorted, since the order of a set of words is not the same in every process, and the last
    # digit of a sum depends on the order.
    return sum(
        weights[word] * count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length))
        for word, count in sorted(found.items())
    )
