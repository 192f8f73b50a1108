"""From what was chosen to training examples with their texts, a few queries at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from syneg.datasets.dataset import RetrievalDataset
from syneg.mining.alone import Mined
from syneg.mining.candidates import Integers
from syneg.negatives.export_records import Example, Passage

_QUERIES_AT_ONCE = 256
_DOCUMENTS_AT_ONCE = 4096


def chosen_examples(mined: Mined) -> Iterator[Example]:
    """Yield every query with its positives and the negatives that were chosen, best first."""
    kept = mined.selection.candidates.taken(mined.selection.chosen)
    positives = mined.positives
    ids = kept.query_ids
    for start in range(0, len(ids), _QUERIES_AT_ONCE):
        stop = min(start + _QUERIES_AT_ONCE, len(ids))
        queries = mined.dataset.query_texts(ids[start:stop])
        rows = slice(int(kept.offsets[start]), int(kept.offsets[stop]))
        known = slice(int(positives.offsets[start]), int(positives.offsets[stop]))
        texts = _Texts(
            mined.dataset, np.concatenate([kept.documents[rows], positives.documents[known]])
        )
        for place, query in zip(range(start, stop), queries, strict=True):
            yield Example(
                ids[place],
                query,
                [texts.positive(mined, row) for row in _rows(positives.offsets, place)],
                [
                    texts.passage(
                        int(kept.documents[row]),
                        None if kept.similarities is None else float(kept.similarities[row]),
                        source=kept.sources[kept.origins[row]],
                        rank=int(kept.ranks[row]),
                        score=float(kept.scores[row]),
                    )
                    for row in _rows(kept.offsets, place)
                ],
            )


def whole_corpus(dataset: RetrievalDataset) -> Iterator[tuple[str, str]]:
    """Yield every document's id, and its title and text."""
    for start in range(0, dataset.corpus.num_rows, _DOCUMENTS_AT_ONCE):
        rows = np.arange(start, min(start + _DOCUMENTS_AT_ONCE, dataset.corpus.num_rows))
        yield from zip(dataset.document_ids(rows), dataset.document_texts(rows), strict=True)


def _rows(offsets: Integers, place: int) -> range:
    return range(int(offsets[place]), int(offsets[place + 1]))


class _Texts:
    """The ids, titles and texts of some documents."""

    def __init__(self, dataset: RetrievalDataset, documents: Integers) -> None:
        wanted = np.unique(documents)
        taken = dataset.corpus.take(wanted)
        columns = (taken[name].to_pylist() for name in ("id", "title", "text"))
        rows = zip(wanted.tolist(), *columns, strict=True)
        self.known = {row: (doc_id, title or "", text or "") for row, doc_id, title, text in rows}

    def passage(
        self,
        row: int,
        similarity: float | None,
        *,
        source: str | None = None,
        rank: int | None = None,
        score: float | None = None,
    ) -> Passage:
        return Passage(*self.known[row], similarity, source, rank, score)

    def positive(self, mined: Mined, row: int) -> Passage:
        known = mined.positives.similarities
        similarity = None if known is None else float(known[row])
        return self.passage(int(mined.positives.documents[row]), similarity)
