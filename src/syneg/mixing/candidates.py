"""Which rows of a pool a mixture may choose from, found in columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syneg.mixing.options import MixingOptions
from syneg.negatives.pool import stands
from syneg.negatives.record import SYNTHETIC

FILL = "random"
"""The source that fills up where the others have too few negatives for a query."""

_QUERIES_AT_ONCE = 1_024
_PARTS_HELD = 8


@dataclass(frozen=True)
class Offer:
    """The accepted negatives of one query, in the order of their ids.

    Attributes:
        synthetic: (negative id, positive id) of those that a language model wrote.
        retrieved: (negative id, source, document id) of the mined ones.
        fill: The same of those that fill up.
    """

    synthetic: tuple[tuple[str, str], ...] = ()
    retrieved: tuple[tuple[str, str, str], ...] = ()
    fill: tuple[tuple[str, str, str], ...] = ()


class Offers:
    """The accepted negatives of queries, held in columns and read some queries at a time.

    Args:
        negatives: The pool, columns of `NEGATIVE_SCHEMA`.
        verdicts: Columns of `VERDICT_SCHEMA`.
        options: The sources, and how far down they are drawn from.
        relevant: (query id, document id) of what was judged relevant: no negative, whichever
            source proposed it and whether or not that very row was judged.
        query_ids: The queries, in the order in which they will be looked at.

    Attributes:
        synthetic_accepted: Synthetic negatives that no verdict drops, of all queries.
    """

    def __init__(
        self,
        negatives: pa.Table,
        verdicts: pa.Table,
        options: MixingOptions,
        relevant: Collection[tuple[str, str]],
        query_ids: Sequence[str],
    ) -> None:
        self._options = options
        self._relevant = relevant
        # Whether there is a text matters here, not the text.
        lengths = pc.fill_null(pc.utf8_length(negatives["text"]), 0)
        columns = ["negative_id", "query_id", "positive_id", "source", "doc_id", "rank"]
        table = negatives.select(columns).append_column("has_text", pc.greater(lengths, 0))
        table = table.filter(stands(negatives, verdicts))
        written = pc.and_(pc.equal(table["source"], SYNTHETIC), table["has_text"])
        self.synthetic_accepted: int = pc.sum(written).as_py() or 0
        mined = pa.array([*options.sources, FILL], pa.string())
        usable = pc.or_(written, pc.is_in(table["source"], value_set=mined))
        table = within_window(table.filter(usable), options)
        known = pa.array(dict.fromkeys(query_ids), pa.string())
        self._codes = {name: code for code, name in enumerate(known.to_pylist())}
        codes = pc.fill_null(pc.index_in(table["query_id"], value_set=known), -1).to_numpy()
        order = np.argsort(codes, kind="stable")
        self._rows = table.take(pa.array(order)).combine_chunks()
        self._starts = np.searchsorted(codes[order], np.arange(len(known) + 1))
        self._part = lru_cache(maxsize=_PARTS_HELD)(self._read)

    def of(self, query_id: str) -> Offer:
        """Return the negatives of one of the queries; none where the pool has none."""
        return self._part(self._codes[query_id] // _QUERIES_AT_ONCE).get(query_id, Offer())

    def _read(self, part: int) -> dict[str, Offer]:
        """Return the offers of some neighbouring queries."""
        last = len(self._starts) - 1
        first, end = (
            int(self._starts[min(one * _QUERIES_AT_ONCE, last)]) for one in (part, part + 1)
        )
        synthetic: dict[str, list[tuple[str, str]]] = defaultdict(list)
        retrieved: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        fill: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        columns = ("negative_id", "query_id", "positive_id", "source", "doc_id")
        rows = self._rows.slice(first, end - first)
        for negative_id, query_id, positive_id, source, doc_id in zip(
            *(rows[name].to_pylist() for name in columns), strict=True
        ):
            if source == SYNTHETIC:
                synthetic[query_id].append((negative_id, positive_id))
            elif (query_id, doc_id) not in self._relevant:
                kind = retrieved if source in self._options.sources else fill
                kind[query_id].append((negative_id, source, doc_id))
        return {
            query_id: Offer(
                tuple(sorted(synthetic[query_id])),
                tuple(sorted(retrieved[query_id])),
                tuple(sorted(fill[query_id])),
            )
            for query_id in {*synthetic, *retrieved, *fill}
        }


def within_window(negatives: pa.Table, options: MixingOptions) -> pa.Table:
    """Return the first `window` rows of every query and mined source, and all other rows.

    Done in columns: a pool has hundreds of rows for each query, of which few are in reach.
    """
    mined = pc.is_in(negatives["source"], value_set=pa.array(options.sources, pa.string()))
    order = [(name, "ascending") for name in ("query_id", "source", "rank", "negative_id")]
    ranked = negatives.filter(mined).sort_by(order)
    if not ranked.num_rows:
        return negatives
    query, source = (
        ranked[name].combine_chunks().dictionary_encode().indices.to_numpy()
        for name in ("query_id", "source")
    )
    begins = np.ones(ranked.num_rows, bool)
    begins[1:] = (query[1:] != query[:-1]) | (source[1:] != source[:-1])
    places = np.arange(ranked.num_rows)
    first = np.maximum.accumulate(np.where(begins, places, 0))
    near = ranked.filter(pa.array(places - first < options.window))
    return pa.concat_tables([near, negatives.filter(pc.invert(mined))])
