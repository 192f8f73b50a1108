"""Metrics of a run, per query and on average, through ir-measures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import MissingExtraError

METRICS = ("ndcg@10", "mrr@10", "recall@10", "recall@100", "map@100")
PRIMARY = "ndcg@10"
"""The metric by which models are compared."""

PER_QUERY_SCHEMA = pa.schema(
    [("query_id", pa.large_string()), *((name, pa.float64()) for name in METRICS)]
)


def per_query_metrics(dataset: RetrievalDataset, split: str, run: pa.Table) -> pa.Table:
    """Return the metrics of every query of a split that has a relevant document.

    A query for which the run holds nothing scores 0. Recall and MAP are those of trec_eval;
    grades count in nDCG only.

    Args:
        dataset: Where the judgements come from.
        split: The split whose queries are measured.
        run: Columns of `syneg.evaluation.retrieve.RUN_SCHEMA`.

    Returns:
        Columns of `PER_QUERY_SCHEMA`, in the order of the split's queries.

    Raises:
        InputError: There is no such split.
        MissingExtraError: ir-measures is not installed.
    """
    try:
        import ir_measures
    except ImportError as error:
        raise MissingExtraError("ir_measures", "evaluate") from error

    measures = {
        ir_measures.nDCG @ 10: "ndcg@10",
        ir_measures.RR @ 10: "mrr@10",
        ir_measures.R @ 10: "recall@10",
        ir_measures.R @ 100: "recall@100",
        ir_measures.AP @ 100: "map@100",
    }
    judged = _nested(dataset.judgements(split), "grade")
    positive = {query_id for query_id, grades in judged.items() if max(grades.values()) > 0}
    qrels = {query_id: grades for query_id, grades in judged.items() if query_id in positive}
    scores = {key: docs for key, docs in _nested(run, "score").items() if key in positive}
    values: dict[str, dict[str, float]] = {query_id: {} for query_id in qrels}
    for one in ir_measures.iter_calc(list(measures), qrels, scores):
        values[one.query_id][measures[one.measure]] = float(one.value)
    rows = [
        {"query_id": query_id, **{name: found.get(name, 0.0) for name in METRICS}}
        for query_id, found in values.items()
    ]
    return pa.Table.from_pylist(rows, schema=PER_QUERY_SCHEMA)


def averages(per_query: pa.Table) -> dict[str, float]:
    """Return the mean of every metric over the queries; 0 where there are none."""
    return {
        name: float(np.mean(per_query[name].to_numpy())) if per_query.num_rows else 0.0
        for name in METRICS
    }


def aligned(
    before: pa.Table, after: pa.Table, metric: str = PRIMARY
) -> tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the queries that both per-query tables hold, with both models' values.

    Args:
        before: Per-query metrics of one model.
        after: The same of another.
        metric: One of `METRICS`.
    """
    first = dict(zip(before["query_id"].to_pylist(), before[metric].to_pylist(), strict=True))
    second = dict(zip(after["query_id"].to_pylist(), after[metric].to_pylist(), strict=True))
    ids = [query_id for query_id in first if query_id in second]
    return ids, np.array([first[one] for one in ids]), np.array([second[one] for one in ids])


def _nested(table: pa.Table, value: str) -> Mapping[str, dict[str, float]]:
    nested: dict[str, dict[str, float]] = defaultdict(dict)
    columns = (table[name].to_pylist() for name in ("query_id", "doc_id", value))
    for query_id, doc_id, number in zip(*columns, strict=True):
        nested[query_id][doc_id] = number
    return nested
