"""Why a query of a run has the negatives it has, read from the run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import join_title
from syneg.errors import InputError
from syneg.files import read_table
from syneg.mining.explain import LONGEST, Explained, Explanation, find_query
from syneg.mining.references import Reference, reference_similarities
from syneg.mining.rules import parse_rules
from syneg.mining.source import split_positives
from syneg.mining.stored import read_positives
from syneg.negatives.verdict import Decision
from syneg.pipeline.config import load_config
from syneg.pipeline.manifest import Manifest, run_folder
from syneg.pipeline.run import Run
from syneg.pipeline.selected import positives_file

_AGAINST = (Decision.DROP.value, Decision.RELABEL.value)


def explain_run(folder: Path, query_id: str) -> Explanation:
    """Return a query's negatives in a run folder, with their verdicts.

    Only stored tables are read: no model is loaded. Before the stage `filter` there are no
    verdicts, and before `mix` none is chosen.

    Raises:
        InputError: The folder holds no mined negatives, or the query has none.
    """
    kept = folder / "config.yaml"
    if not kept.is_file() or not (folder / "pool" / "negatives").is_dir():
        raise InputError(
            "holds no mined negatives",
            file=folder,
            remedy="mine some with `syneg mine --output`, or give --dataset and no run folder",
        )
    config = load_config(kept)
    with run_folder(folder):
        run = Run(folder, config, Manifest(folder, config))
        positives = split_positives(run.dataset, config.dataset.train)
        place = find_query(query_id, list(positives.query_ids), run.dataset.name)
        file = positives_file(run)
        known = (read_positives(file, positives) if file.is_file() else None) or positives
        one = known.of_query(place)
        reference = None
        compares = any(rule.kind.reference for rule in parse_rules(config.mining.select))
        if compares and one.similarities is not None:
            reference = float(reference_similarities(one, Reference(config.mining.reference))[0])
        near = [None] * len(one.documents) if one.similarities is None else one.similarities
        return Explanation(
            query_id,
            run.dataset.query_texts([query_id])[0],
            reference,
            [
                Explained(doc_id, "positive", None, None, _number(value), (), False, text[:LONGEST])
                for doc_id, value, text in zip(
                    run.dataset.document_ids(one.documents),
                    near,
                    run.dataset.document_texts(one.documents),
                    strict=True,
                )
            ],
            _candidates(run, query_id),
        )


def _candidates(run: Run, query_id: str) -> list[Explained]:
    negatives = run.pool.negatives()
    negatives = negatives.filter(pc.equal(negatives["query_id"], query_id))
    negatives = negatives.sort_by([("source", "ascending"), ("rank", "ascending")])
    against = _against(run, negatives["negative_id"])
    chosen = _chosen(run.folder / "mixture.parquet", query_id)
    rows = negatives.to_pylist()
    mined = [row["doc_id"] for row in rows if row["doc_id"] is not None]
    documents = run.dataset.document_texts(run.dataset.document_rows(mined))
    texts = dict(zip(mined, documents, strict=True))
    return [
        Explained(
            row["doc_id"] or row["negative_id"],
            row["source"],
            row["rank"],
            row["score"],
            row["query_similarity"],
            tuple(against.get(row["negative_id"], ())),
            row["negative_id"] in chosen,
            (texts.get(row["doc_id"]) or join_title(row["title"], row["text"]))[:LONGEST],
        )
        for row in rows
    ]


def _against(run: Run, ids: pa.ChunkedArray) -> dict[str, list[str]]:
    """Return by negative which filters and persons speak against it, latest verdicts only."""
    verdicts = run.pool.verdicts()
    wanted = pc.is_in(verdicts["negative_id"], value_set=ids.combine_chunks())
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in verdicts.filter(wanted).sort_by("time").to_pylist():
        judge = row["reviewer"] or row["filter"]
        latest[row["negative_id"], judge] = row
    found: dict[str, list[str]] = {}
    for (negative_id, judge), row in latest.items():
        if row["decision"] in _AGAINST:
            found.setdefault(negative_id, []).append(f"{judge}: {row['reason'] or row['decision']}")
    return found


def _chosen(mixture: Path, query_id: str) -> set[str]:
    if not mixture.is_file():
        return set()
    table = read_table(mixture)
    rows = table.filter(pc.equal(table["query_id"], query_id))["negative_ids"].to_pylist()
    return {negative_id for row in rows for negative_id in row}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
