"""What every origin of negatives has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.mining.candidates import Candidates, Integers, Positives
from syneg.mining.exclusions import NEAR_DUPLICATE, exclude_by_text, exclude_known
from syneg.mining.siblings import exclude_siblings, sibling_counts
from syneg.negatives.record import NEGATIVE_SCHEMA, negative_identity


@runtime_checkable
class NegativeSource(Protocol):
    """Proposes negatives for the queries of a split."""

    @property
    def name(self) -> str:
        """What is written in the `source` field of its records."""
        ...  # pragma: no cover

    def propose(self, dataset: RetrievalDataset, split: str) -> pa.Table:
        """Return proposals, columns of `NEGATIVE_SCHEMA`."""
        ...  # pragma: no cover


class RetrievedSource(ABC):
    """A source whose negatives are documents of the corpus.

    Attributes:
        name: What is written in the `source` field of its records.
        depth: Most candidates per query, known positives and blank documents not counted.
        searches: Whether a deeper search costs more; not where all there is to find is read.
        judged: Whether somebody found its documents not relevant, so that what they were cut
            from means nothing.
    """

    name: str
    depth: int
    searches: bool = True
    judged: bool = False

    @abstractmethod
    def search(
        self, dataset: RetrievalDataset, split: str, query_ids: Sequence[str], depth: int
    ) -> Candidates:
        """Return up to `depth` documents for each query, nothing left out, best first."""

    @property
    def identity(self) -> list[Any]:
        """What, beside data set and depth, decides what it finds: for the names of caches."""
        return [self.name]

    @property
    def facts(self) -> dict[str, Any]:
        """What the searches so far tell of themselves, such as an index's recall."""
        return {}

    def candidates(
        self,
        dataset: RetrievalDataset,
        positives: Positives,
        split: str,
        *,
        near_duplicate: float | None = NEAR_DUPLICATE,
        sources: Integers | None = None,
    ) -> Candidates:
        """Search, and mark what can be no negative.

        Args:
            dataset: Queries, judgements and corpus.
            positives: The queries with their positives, from `split_positives`.
            split: Their split.
            near_duplicate: See `exclude_by_text`.
            sources: From `source_documents`: what was cut from the same document as a positive
                is no negative either. None where nothing is known, or all may be.

        Raises:
            InputError: The corpus holds no document.
        """
        if not dataset.corpus.num_rows:
            raise InputError(
                f"the corpus of '{dataset.name}' holds no document",
                field="corpus",
                remedy="name a data set with documents",
            )
        cut = None if self.judged else sources
        passed_over = positives.counts if cut is None else sibling_counts(positives, cut)
        found = self._deep_enough(dataset, positives, split, passed_over)
        found = exclude_known(found, positives, dataset)
        if cut is not None:
            found = exclude_siblings(found, positives, cut)
        return exclude_by_text(
            within_depth(found, self.depth), positives, dataset, near_duplicate=near_duplicate
        )

    def propose(self, dataset: RetrievalDataset, split: str) -> pa.Table:
        """Return up to `depth` documents for each query that has a positive."""
        positives = split_positives(dataset, split)
        return to_proposals(dataset, self.candidates(dataset, positives, split), positives)

    def _deep_enough(
        self, dataset: RetrievalDataset, positives: Positives, split: str, passed_over: Integers
    ) -> Candidates:
        """Search so deep that `depth` are left when all that is passed over is taken out.

        The few queries with more of it than that are searched for apart, so that they do not
        make the search deeper for all.
        """
        many = (passed_over > self.depth) & self.searches
        groups = [np.flatnonzero(group) for group in (~many, many)]
        parts, owners = [], []
        for group in groups:
            if not len(group):
                continue
            depth = self.depth + int(passed_over[group].max()) + 1
            ids = [positives.query_ids[place] for place in group.tolist()]
            part = self.search(dataset, split, ids, min(dataset.corpus.num_rows, depth))
            parts.append(part)
            owners.append(group[part.owners])
        if len(parts) == 1:
            return replace(parts[0], query_ids=positives.query_ids)
        return _put_together(positives.query_ids, parts, owners)


def split_positives(dataset: RetrievalDataset, split: str) -> Positives:
    """Return the positives of each query of a split, highest grade first.

    Judgements of other splits are not looked at: what is measured must not shape what is
    trained on.

    Raises:
        InputError: A positive is not in the corpus, or there is none.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr."), ("d2", "", "Cats sleep.")],
        ...     queries=[("q", "cats")], qrels={"train": [("q", "d1", 1), ("q", "d2", 2)]})
        >>> split_positives(data, "train").documents.tolist()
        [1, 0]
    """
    table = dataset.positives(split)
    if not table.num_rows:
        raise InputError(
            f"no document is relevant to a query in the split '{split}' of '{dataset.name}'",
            field="grade",
            remedy="name another split, or judge some documents above 0",
        )
    encoded = table["query_id"].combine_chunks().dictionary_encode()
    owners = encoded.indices.to_numpy().astype(np.int64)
    documents = dataset.document_rows(table["doc_id"])
    if (documents < 0).any():
        unknown = table["doc_id"][int(np.flatnonzero(documents < 0)[0])].as_py()
        raise InputError(
            "the judged document is not in the corpus",
            field="doc_id",
            value=unknown,
            remedy="add it, or read the data with --skip-unknown",
        )
    order = np.lexsort((-table["grade"].to_numpy(), owners))
    counts = np.bincount(owners)
    return Positives(
        encoded.dictionary.to_pylist(),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        documents[order],
    )


def within_depth(candidates: Candidates, depth: int) -> Candidates:
    """Return each query's candidates up to the one that is the `depth`-th not excluded."""
    kept = np.cumsum(candidates.excluded == 0, dtype=np.int64)
    before = np.concatenate([[0], kept])[candidates.offsets[:-1]]
    ended = kept - np.repeat(before, candidates.counts)
    return candidates.taken((ended < depth) | ((ended == depth) & (candidates.excluded == 0)))


def to_proposals(
    dataset: RetrievalDataset, candidates: Candidates, positives: Positives
) -> pa.Table:
    """Turn the candidates of one source that are not excluded into records of the pool.

    A query's negatives are proposed against its first positive: the highest grade, then the
    order of the judgements. They keep the rank that the source gave them.

    Args:
        dataset: Whose corpus the rows point into.
        candidates: Of one source.
        positives: Of the same queries.

    Returns:
        Columns of `NEGATIVE_SCHEMA`.
    """
    found = candidates.taken(candidates.excluded == 0)
    source = found.sources[0]
    queries = pa.array(found.query_ids, pa.string()).take(pa.array(found.owners))
    first = dataset.document_ids(positives.documents[positives.offsets[:-1]])
    references = pa.array(first, pa.string()).take(pa.array(found.owners))
    documents = dataset.document_ids(found.documents)
    ids = [
        negative_identity(query_id, positive_id, source, doc_id)
        for query_id, positive_id, doc_id in zip(
            queries.to_pylist(), references.to_pylist(), documents, strict=True
        )
    ]
    columns = {
        "negative_id": pa.array(ids, pa.string()),
        "query_id": queries,
        "positive_id": references,
        "source": pa.repeat(source, len(found)),
        "doc_id": pa.array(documents, pa.string()),
        "score": pa.array(found.scores),
        "rank": pa.array(found.ranks),
    }
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(len(found), field.type)
        for field in NEGATIVE_SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=NEGATIVE_SCHEMA)


def _put_together(
    query_ids: Sequence[str], parts: Sequence[Candidates], owners: Sequence[Any]
) -> Candidates:
    """Return the candidates of different queries as one; `owners` are places in `query_ids`."""
    joined = Candidates.from_rows(
        parts[0].sources[0],
        query_ids,
        np.concatenate(owners),
        np.concatenate([one.documents for one in parts]),
        np.concatenate([one.scores for one in parts]),
        np.concatenate([one.ranks for one in parts]),
    )
    if any(one.similarities is None for one in parts):
        return joined
    # Where a source knows similarities, they are its scores.
    return replace(joined, similarities=joined.scores)
