"""Why which text is judged: negatives that stand, probes, and what people have reviewed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.judge_options import JudgeOptions
from syneg.filters.judge_plan import Purpose
from syneg.filters.judge_probes import (
    Pair,
    known_positives_drawn,
    middle_ranks_drawn,
    probe_dataset,
    random_documents_drawn,
)
from syneg.negatives.pool import standing_decisions, stands
from syneg.negatives.verdict import Decision

_SCHEMA = pa.schema(
    [
        ("query_id", pa.string()),
        ("doc_id", pa.string()),
        ("negative_id", pa.string()),
        ("negative", pa.int64()),
        ("rank", pa.int64()),
        ("purpose", pa.int8()),
    ]
)


def reasons_to_judge(
    negatives: pa.Table,
    verdicts: pa.Table,
    dataset: RetrievalDataset,
    split: str,
    options: JudgeOptions,
    *,
    middle_ranks: pa.Table,
    seed: int,
) -> pa.Table:
    """Return one row per reason to judge a text, as `make_plan` takes them.

    Args:
        negatives: The pool, columns of `NEGATIVE_SCHEMA`.
        verdicts: What filters and people said of it, without the judge.
        dataset: Queries, judgements and corpus.
        split: The split that is trained on; no other is looked at.
        options: What is judged.
        middle_ranks: Retrieved documents, some of them of middle rank.
        seed: Of the probes.
    """
    positives = dataset.positives(split)
    trained = pc.unique(positives["query_id"]).cast(negatives.schema.field("query_id").type)
    usable = pc.and_(
        pc.is_in(negatives["query_id"], value_set=trained),
        pc.or_(pc.is_valid(negatives["doc_id"]), pc.is_valid(negatives["text"])),
    )
    mined = pc.is_valid(negatives["doc_id"])
    asked = pc.or_(
        pc.and_(mined, options.judge_mined),
        pc.and_(pc.invert(mined), options.judge_synthetic),
    )
    candidates = pc.and_(pc.and_(usable, asked), stands(negatives, verdicts))
    rows = [_of_negatives(negatives, candidates, Purpose.CANDIDATE)]
    if not rows[0].num_rows:
        # Without anything to judge there is no judge to be measured.
        return rows[0]
    reviews = standing_decisions(verdicts.filter(pc.is_valid(verdicts["reviewer"])))
    for decision, purpose in (
        (Decision.RELABEL, Purpose.REVIEWED_RELEVANT),
        (Decision.KEEP, Purpose.REVIEWED_OTHER),
    ):
        ids = [one for one, said in reviews.items() if said is decision]
        values = pa.array(ids, negatives.schema.field("negative_id").type)
        reviewed = pc.and_(usable, pc.is_in(negatives["negative_id"], value_set=values))
        rows.append(_of_negatives(negatives, reviewed, purpose))
    probes = probe_dataset(dataset, split, options, seed=seed)
    of_trained = middle_ranks.filter(pc.is_in(middle_ranks["query_id"], value_set=trained))
    known = _pairs_of(positives, of_trained)
    for pairs, purpose in (
        (known_positives_drawn(probes, split, options.probes, seed), Purpose.KNOWN_POSITIVE),
        (middle_ranks_drawn(of_trained, known, options, seed), Purpose.MIDDLE_RANK),
        (random_documents_drawn(probes, split, options.random_probes, seed), Purpose.RANDOM),
    ):
        rows.append(_of_pairs(_in_corpus(pairs, dataset), purpose))
    return pa.concat_tables(rows)


def _of_negatives(negatives: pa.Table, chosen: pa.ChunkedArray, purpose: Purpose) -> pa.Table:
    places = np.flatnonzero(np.asarray(chosen.to_numpy()))
    taken = negatives.select(["query_id", "doc_id", "negative_id", "rank", "source"])
    taken = taken.take(pa.array(places, pa.int64()))
    # The rank of a document that was drawn by chance says nothing: it comes last.
    by_chance = pc.equal(taken["source"], "random")
    columns = {
        "query_id": taken["query_id"],
        "doc_id": taken["doc_id"],
        "negative_id": taken["negative_id"],
        "negative": pa.array(places, pa.int64()),
        "rank": pc.if_else(by_chance, None, taken["rank"]).cast(pa.int64()),
        "purpose": pa.repeat(pa.scalar(int(purpose), pa.int8()), len(places)),
    }
    return pa.table(columns).cast(_SCHEMA)


def _of_pairs(pairs: Sequence[Pair], purpose: Purpose) -> pa.Table:
    count = len(pairs)
    columns = {
        "query_id": pa.array([query_id for query_id, _ in pairs], pa.string()),
        "doc_id": pa.array([doc_id for _, doc_id in pairs], pa.string()),
        "negative_id": pa.nulls(count, pa.string()),
        "negative": pa.repeat(pa.scalar(-1, pa.int64()), count),
        "rank": pa.nulls(count, pa.int64()),
        "purpose": pa.repeat(pa.scalar(int(purpose), pa.int8()), count),
    }
    return pa.table(columns, schema=_SCHEMA)


def _pairs_of(positives: pa.Table, found: pa.Table) -> set[Pair]:
    queries = pc.unique(found["query_id"]).cast(positives.schema.field("query_id").type)
    table = positives.filter(pc.is_in(positives["query_id"], value_set=queries))
    return set(zip(table["query_id"].to_pylist(), table["doc_id"].to_pylist(), strict=True))


def _in_corpus(pairs: Sequence[Pair], dataset: RetrievalDataset) -> list[Pair]:
    # A positive that is missing from the corpus is no fault of the judge's.
    rows = dataset.document_rows([doc_id for _, doc_id in pairs])
    return [pair for pair, row in zip(pairs, rows, strict=True) if row >= 0]
