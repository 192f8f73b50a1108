"""Texts whose relevance is known or presumed, on which every run measures its judge."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.judge_options import JudgeOptions
from syneg.seeding import generator_for
from syneg.synthesis.attributes import draw_number

Pair = tuple[str, str]
"""A query id and a document id."""

_DRAWS = 20


def probe_dataset(
    dataset: RetrievalDataset, split: str, options: JudgeOptions, *, seed: int
) -> RetrievalDataset:
    """Return the data set with the judgements of the queries on which the judge is measured.

    A source that proposes for its one split down to the last of `options.probe_ranks` finds
    the documents of middle rank, without a search for all other queries.

    Args:
        dataset: Queries, judgements and corpus.
        split: The split that is trained on; no other is looked at.
        options: How many probes there are.
        seed: Seed of the run, used where `options.seed` is None.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr."), ("d2", "", "Dogs bark.")],
        ...     queries=[("q1", "Who purrs?"), ("q2", "Who barks?")],
        ...     qrels={"train": [("q1", "d1", 1), ("q2", "d2", 1)], "test": []})
        >>> probes = probe_dataset(data, "train", JudgeOptions(probes=1), seed=0)
        >>> probes.splits, len(probes.query_ids("train"))
        (['train'], 1)
    """
    seed = seed if options.seed is None else options.seed
    positives = dataset.positives(split)
    asked = _first_drawn(pc.unique(positives["query_id"]).to_pylist(), options.probes, seed)
    values = pa.array(asked, positives.schema.field("query_id").type)
    return dataset.with_qrels(
        {split: positives.filter(pc.is_in(positives["query_id"], value_set=values))}
    )


def known_positives_drawn(
    probes: RetrievalDataset, split: str, count: int, seed: int
) -> list[Pair]:
    """Return judged positives of the probe queries, as many queries as there can be."""
    return _spread(_by_query(probes.positives(split)), count, seed)


def middle_ranks_drawn(
    found: pa.Table, positives: Iterable[Pair], options: JudgeOptions, seed: int
) -> list[Pair]:
    """Return documents within `options.probe_ranks`, as many queries as there can be.

    Args:
        found: Retrieved negatives, columns of `NEGATIVE_SCHEMA`.
        positives: Judged positives, which are no probes of this kind.
        options: Ranks and number.
        seed: Of the draw.
    """
    first, last = options.probe_ranks
    within = pc.and_(pc.greater_equal(found["rank"], first), pc.less_equal(found["rank"], last))
    usable = pc.and_(pc.is_valid(found["doc_id"]), pc.not_equal(found["source"], "random"))
    rows = found.filter(pc.and_(pc.fill_null(within, False), usable))
    barred = set(positives)
    groups = {
        query_id: [one for one in documents if (query_id, one) not in barred]
        for query_id, documents in _by_query(rows).items()
    }
    return _spread(groups, options.probes, seed)


def random_documents_drawn(
    probes: RetrievalDataset, split: str, count: int, seed: int
) -> list[Pair]:
    """Return one document drawn by chance for each of some probe queries, no positive of it."""
    known = _by_query(probes.positives(split))
    drawn: list[Pair] = []
    for query_id in _first_drawn(known, count, seed) if probes.corpus.num_rows else ():
        generator = generator_for(seed, "judge random", query_id)
        rows = [
            int(row)
            for row in generator.integers(probes.corpus.num_rows, size=_DRAWS)
            if int(row) not in probes.blank_rows
        ]
        others = (one for one in probes.document_ids(rows) if one not in known[query_id])
        if (document := next(others, None)) is not None:
            drawn.append((query_id, document))
    return drawn


def _by_query(table: pa.Table) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    columns = (table[name].to_pylist() for name in ("query_id", "doc_id"))
    for query_id, doc_id in zip(*columns, strict=True):
        found[query_id].append(doc_id)
    return found


def _first_drawn(query_ids: Iterable[str], count: int, seed: int) -> list[str]:
    # The same draw for every kind of probe, so that they are of the same queries.
    return heapq.nsmallest(count, query_ids, key=lambda one: draw_number(seed, "judge", one))


def _spread(groups: Mapping[str, Sequence[str]], count: int, seed: int) -> list[Pair]:
    """Take one document of each query, then a second one, until there are enough."""
    queries = _first_drawn([one for one, documents in groups.items() if documents], count, seed)
    orders = {
        query_id: sorted(
            dict.fromkeys(groups[query_id]),
            key=lambda document, of=query_id: draw_number(seed, "judge", of, document),  # type: ignore[misc]
        )
        for query_id in queries
    }
    deepest = max(map(len, orders.values()), default=0)
    rounds = (
        (query_id, orders[query_id][number])
        for number in range(deepest)
        for query_id in queries
        if number < len(orders[query_id])
    )
    return [pair for pair, _ in zip(rounds, range(count), strict=False)]
