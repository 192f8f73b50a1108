"""Splits of the judgements: their order, a held-out development split, and leakage."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError

_NORMAL_ORDER = ("train", "dev", "test")


def ordered_splits(names: Iterable[str]) -> list[str]:
    """Return split names in their normal order: train, dev, test, then others by name.

    Example:
        >>> ordered_splits(["validation", "test", "extra", "train"])
        ['train', 'test', 'extra', 'validation']
    """
    given = set(names)
    return [name for name in _NORMAL_ORDER if name in given] + sorted(given - {*_NORMAL_ORDER})


def hold_out_development(
    dataset: RetrievalDataset,
    *,
    fraction: float = 0.2,
    seed: int = 0,
    split: str = "train",
    name: str = "dev",
    largest: int = 300,
    keep: Collection[str] = (),
) -> RetrievalDataset:
    """Move a share of a split's queries, with their judgements, to a development split.

    Queries that share a relevant document, directly or through other queries, stay on the
    same side, so that the development split measures what it should: documents not trained
    on. The choice depends on the seed and the ids alone, not on the order of rows.

    Args:
        dataset: The data set; returned as it is when it has the split `name` already.
        fraction: Share of the split's queries to move, above 0 and below 1. Where groups of
            queries are large the share may come out smaller, or, when no group is small
            enough, the smallest group is moved.
        seed: Another seed, another choice.
        split: The split to take from.
        name: The split to make.
        largest: At most this many queries are moved.
        keep: Queries that are moved only when there are too few others, for example those
            for which negatives were written already.

    Returns:
        The data set with the new split and a note; the corpus and queries are unchanged.

    Raises:
        InputError: There is no such split, an argument is out of range, all queries hang
            together through their relevant documents, or every group is above `largest`.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[(d, "", d) for d in ("d1", "d2")],
        ...     queries=[(q, q) for q in ("q1", "q2", "q3")],
        ...     qrels={"train": [("q1", "d1", 1), ("q2", "d1", 1), ("q3", "d2", 1)]})
        >>> held = hold_out_development(data)
        >>> held.query_ids("train"), held.query_ids("dev")
        (['q1', 'q2'], ['q3'])
    """
    _check_ranges(fraction, largest)
    if name in dataset.qrels:
        return dataset
    groups = _groups(dataset, split)
    total = sum(len(group) for group in groups)
    if len(groups) < 2:
        raise InputError(
            f"no query can be held out: those with a relevant document ({total}) all hang together "
            "through shared relevant documents",
            field="split",
            value=split,
            remedy=f"give the data set a split '{name}' of its own",
        )
    wanted = max(1, min(round(fraction * total), largest, total - 1))
    chosen = _choice(groups, wanted, seed, frozenset(keep))
    if len(chosen) > largest:
        raise InputError(
            f"the smallest group of queries with shared relevant documents has {len(chosen)}",
            field="largest",
            value=largest,
            remedy=f"allow at least {len(chosen)}, or give the data set a split '{name}'",
        )
    judgements = dataset.judgements(split)
    moved = pc.is_in(judgements["query_id"], value_set=pa.array(chosen, pa.large_string()))
    tables = dict(dataset.qrels)
    tables[split], tables[name] = judgements.filter(pc.invert(moved)), judgements.filter(moved)
    note = f"{name}: {len(chosen)} of the {total} queries of {split}, held out with seed {seed}"
    return replace(
        dataset,
        qrels={key: tables[key] for key in ordered_splits(tables)},
        notes=(*dataset.notes, note),
    )


def positives_seen(dataset: RetrievalDataset, split: str, train: str = "train") -> dict[str, bool]:
    """Tell for each query of a split whether a document relevant to it is relevant in train.

    Args:
        dataset: The data set.
        split: The split whose queries are asked about.
        train: The split trained on.

    Returns:
        By query id, in order of first appearance: True when at least one of the query's
        relevant documents is also relevant to some query of `train`.

    Raises:
        InputError: There is no such split.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr."), ("d2", "", "Dogs bark.")],
        ...     queries=[("q1", "a"), ("q2", "b"), ("q3", "c")],
        ...     qrels={"train": [("q1", "d1", 1)], "test": [("q2", "d1", 1), ("q3", "d2", 1)]})
        >>> positives_seen(data, "test")
        {'q2': True, 'q3': False}
    """
    trained = pc.unique(dataset.positives(train)["doc_id"])
    seen = queries_with_positive_in(dataset, split, trained)
    return {query_id: query_id in seen for query_id in dataset.query_ids(split)}


def queries_with_positive_in(
    dataset: RetrievalDataset, split: str, documents: pa.Array | pa.ChunkedArray
) -> set[str]:
    """Return the queries of a split to which at least one of the documents is relevant.

    Args:
        dataset: The data set.
        split: The split whose queries are asked about.
        documents: Document ids.

    Raises:
        InputError: There is no such split.
    """
    asked = dataset.positives(split)
    wanted = documents.cast(asked["doc_id"].type)
    hits = asked.filter(pc.is_in(asked["doc_id"], value_set=wanted))
    return set(pc.unique(hits["query_id"]).to_pylist())


def _check_ranges(fraction: float, largest: int) -> None:
    if not 0 < fraction < 1:
        raise InputError(
            "is not a share of the queries",
            field="fraction",
            value=fraction,
            remedy="give a number above 0 and below 1",
        )
    if largest < 1:
        raise InputError(
            "leaves no query", field="largest", value=largest, remedy="give at least 1"
        )


def _groups(dataset: RetrievalDataset, split: str) -> list[list[str]]:
    """Return the connected components of queries over shared relevant documents."""
    positives = dataset.positives(split)
    queries = positives["query_id"].combine_chunks().dictionary_encode()
    documents = positives["doc_id"].combine_chunks().dictionary_encode()
    roots = list(range(len(queries.dictionary)))
    first_query: dict[int, int] = {}
    pairs = zip(queries.indices.to_pylist(), documents.indices.to_pylist(), strict=True)
    for query, document in pairs:
        one, other = _root(roots, query), _root(roots, first_query.setdefault(document, query))
        roots[max(one, other)] = min(one, other)
    groups: dict[int, list[str]] = {}
    for query, query_id in enumerate(queries.dictionary.to_pylist()):
        groups.setdefault(_root(roots, query), []).append(query_id)
    return list(groups.values())


def _root(roots: list[int], query: int) -> int:
    while roots[query] != query:
        roots[query] = roots[roots[query]]
        query = roots[query]
    return query


def _choice(groups: list[list[str]], wanted: int, seed: int, keep: frozenset[str]) -> list[str]:
    """Return the queries of groups drawn at random that together do not exceed `wanted`.

    Groups with a smaller share of queries to keep come first. When every group is larger
    than `wanted`, the smallest is returned.
    """
    # A group's first id stands for it, so the draw does not depend on the rows' order.
    drawn = sorted(
        groups,
        key=lambda group: (len(keep & set(group)) / len(group), _draw(min(group), seed)),
    )
    chosen: list[str] = []
    for group in drawn:
        if len(chosen) + len(group) <= wanted:
            chosen.extend(group)
    return chosen or min(drawn, key=len)


def _draw(query_id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\x1f{query_id}".encode()).digest()
