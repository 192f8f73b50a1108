"""The mined documents that a prompt may rewrite, by query."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError

CANDIDATES_PER_QUERY = 5
"""How many of a query's candidates are rewritten before one is taken again."""

Rows = npt.NDArray[np.int64]


class CandidateRows:
    """The first mined documents of each query, as rows.

    Args:
        dataset: Queries, corpus and judgements.
        split: The split whose positives are no candidates.
        mined: Columns query_id and doc_id, each query's best candidate first; for example the
            proposals of a source below the threshold for false negatives. Rows without a
            doc_id (synthetic negatives) are passed over.

    Raises:
        InputError: A column is missing.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("a", "", "x"), ("b", "", "y")], queries=[("q", "z")],
        ...     qrels={"train": [("q", "a", 1)]})
        >>> mined = pa.table({"query_id": ["q", "q"], "doc_id": ["a", "b"]})
        >>> CandidateRows(data, "train", mined).of(0).tolist()
        [1]
    """

    def __init__(self, dataset: RetrievalDataset, split: str, mined: pa.Table) -> None:
        for name in ("query_id", "doc_id"):
            if name not in mined.column_names:
                raise InputError(
                    "the table of candidates lacks a column", field=name, remedy="add it"
                )
        mined = mined.filter(mined["doc_id"].is_valid())
        queries = dataset.query_rows(mined["query_id"].cast(pa.large_string()))
        documents = dataset.document_rows(mined["doc_id"].cast(pa.large_string()))
        count = max(dataset.corpus.num_rows, 1)
        positives = dataset.positives(split)
        barred = dataset.query_rows(positives["query_id"]) * count
        barred = barred + dataset.document_rows(positives["doc_id"])
        blank = np.fromiter(dataset.blank_rows, np.int64, len(dataset.blank_rows))
        usable = (queries >= 0) & (documents >= 0)
        usable &= ~np.isin(queries * count + documents, barred) & ~np.isin(documents, blank)
        queries, documents = queries[usable], documents[usable]
        order = np.argsort(queries, kind="stable")
        self._queries, self._documents = queries[order], documents[order]

    def of(self, query: int) -> Rows:
        """Return the corpus rows of a query's candidates, at most five, the best first."""
        start = int(np.searchsorted(self._queries, query, "left"))
        end = int(np.searchsorted(self._queries, query, "right"))
        return self._documents[start : min(end, start + CANDIDATES_PER_QUERY)]
