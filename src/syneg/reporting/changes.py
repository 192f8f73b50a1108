"""The section on single test queries: which gained most, which lost most, and to what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from syneg.evaluation.metrics import aligned
from syneg.files import read_table
from syneg.reporting.examples import document_excerpts
from syneg.reporting.finished import STARTING, TUNED, Finished
from syneg.reporting.text import excerpt, percent

_MOST = 10


@dataclass(frozen=True)
class Top:
    """What a model puts first for a query, and where its first relevant document stands.

    Attributes:
        text: The beginning of the document on top.
        relevant: Whether it is judged relevant.
        is_positive: Whether it is the very document that `Changed.positive` shows.
        rank: Rank of the first relevant document; None where none was retrieved.
    """

    text: str
    relevant: bool
    is_positive: bool
    rank: int | None


@dataclass(frozen=True)
class Changed:
    """A test query whose score changed."""

    query_id: str
    query: str
    positive: str
    before: str
    after: str
    top_before: Top
    top_after: Top
    same_top: bool


def changes(finished: Finished) -> dict[str, list[Changed]]:
    """Return the test queries that gained and that lost most, at most ten each."""
    split = finished.config.dataset.test
    folder = finished.run.folder / "evaluation"
    per_query = [read_table(folder / f"{model}-{split}.parquet") for model in (STARTING, TUNED)]
    ids, before, after = aligned(per_query[0], per_query[1])
    difference = after - before
    # The sort is stable: equal changes stay in the order of the queries.
    order = np.argsort(-difference, kind="stable").tolist()
    gained = [place for place in order if difference[place] > 0][:_MOST]
    lost = [place for place in reversed(order) if difference[place] < 0][:_MOST]
    wanted = {ids[place] for place in (*gained, *lost)}
    runs = [read_runs(folder / f"{model}-{split}.trec", wanted) for model in (STARTING, TUNED)]
    positives = _positives(finished, wanted)
    documents = _needed(runs, positives)
    texts = document_excerpts(finished, documents)

    def one(place: int) -> Changed:
        query_id = ids[place]
        tops = [_top(run.get(query_id, []), positives[query_id], texts) for run in runs]
        firsts = [run.get(query_id, [None])[0] for run in runs]
        return Changed(
            query_id=query_id,
            query=excerpt(finished.dataset.query_texts([query_id])[0]),
            positive=next((texts[key] for key in positives[query_id] if key in texts), ""),
            before=percent(float(before[place]), 1),
            after=percent(float(after[place]), 1),
            top_before=tops[0],
            top_after=tops[1],
            same_top=firsts[0] is not None and firsts[0] == firsts[1],
        )

    return {"gained": [one(place) for place in gained], "lost": [one(place) for place in lost]}


def read_runs(path: Path, wanted: Iterable[str]) -> dict[str, list[str]]:
    r"""Return the ranked documents of some queries from a run in TREC's format.

    Args:
        path: Lines `query Q0 document rank score tag`; ids may hold spaces.
        wanted: The queries to read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.trec"
        >>> _ = path.write_text("q1 Q0 d 2 2 0.5 t\nq1 Q0 e 1 0.9 t\nq2 Q0 f 1 0.9 t\n")
        >>> read_runs(path, ["q1"])
        {'q1': ['e', 'd 2']}
    """
    asked = set(wanted)
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="\n") as handle:
        for line in handle:
            query_id, separator, rest = line.rstrip("\n").partition(" Q0 ")
            if not separator or query_id not in asked:
                continue
            doc_id, rank, _, _ = rest.rsplit(" ", 3)
            found[query_id].append((int(rank), doc_id))
    return {key: [doc_id for _, doc_id in sorted(rows)] for key, rows in found.items()}


def _positives(finished: Finished, wanted: set[str]) -> dict[str, list[str]]:
    table = finished.dataset.positives(finished.config.dataset.test)
    found: dict[str, list[str]] = {query_id: [] for query_id in wanted}
    for query_id, doc_id in zip(
        table["query_id"].to_pylist(), table["doc_id"].to_pylist(), strict=True
    ):
        if query_id in found:
            found[query_id].append(doc_id)
    return found


def _needed(runs: list[dict[str, list[str]]], positives: dict[str, list[str]]) -> list[str]:
    firsts = [ranked[0] for run in runs for ranked in run.values() if ranked]
    return list(dict.fromkeys([*firsts, *(key for keys in positives.values() for key in keys)]))


def _top(ranked: list[str], relevant: list[str], texts: dict[str, str]) -> Top:
    wanted = set(relevant)
    rank = next((place for place, key in enumerate(ranked, 1) if key in wanted), None)
    if not ranked:
        return Top("", False, False, None)
    first = ranked[0]
    shown = next((key for key in relevant if key in texts), None)
    return Top(texts.get(first, ""), first in wanted, first == shown, rank)
