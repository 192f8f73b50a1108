"""The sections on the result: the two models compared, and what follows from it."""

from __future__ import annotations

from typing import Any

from syneg.evaluation.decision import chance, headline
from syneg.evaluation.metrics import METRICS
from syneg.reporting.figures import Interval, IntervalPlot, Scale, Table, Tick, round_numbers
from syneg.reporting.finished import STARTING, TUNED, Finished
from syneg.reporting.text import change, count, interval, p_value, percent, several

METRIC_NAMES = {
    "ndcg@10": "nDCG@10",
    "mrr@10": "MRR@10",
    "recall@10": "Recall@10",
    "recall@100": "Recall@100",
    "map@100": "MAP@100",
}
_FEW_QUERIES = 50
_LIKELY = 0.05


def results(finished: Finished) -> dict[str, Any]:
    """Return what the sections "result" and "figures in detail" show."""
    metrics = finished.metrics
    rows = _comparisons(metrics)
    return {
        "headline": headline(metrics),
        "exported": metrics["exported"],
        "averages": _averages(finished),
        "splits": (finished.config.dataset.development, finished.config.dataset.test),
        "slices": _slices_table(rows),
        "plot": _plot(rows),
        "hints": hints(metrics),
    }


def hints(metrics: dict[str, Any]) -> list[str]:
    """Return what the comparisons do and do not show, in plain sentences.

    Args:
        metrics: The content of a run's metrics.json.

    Example:
        >>> same = {"queries": 40, "before": 0.5, "after": 0.51, "difference": 0.01,
        ...         "low": -0.02, "high": 0.04, "p_value": 0.5, "wins": 6, "losses": 5,
        ...         "resolvable": 0.05}
        >>> hints({"exported": "tuned", "development": same, "test": same,
        ...        "test_slices": {"seen": same, "unseen": same}})[1]
        'On the 40 test queries a difference of +1.00 points cannot be told from none (p = 0.500): \
so few queries show only differences of about 5.00 points or more.'
    """
    development, test = metrics["development"], metrics["test"]
    found = []
    if metrics["exported"] == TUNED and development["p_value"] >= _LIKELY:
        found.append(
            "The tuned model was chosen because its development score is higher, but that "
            f"difference may be chance ({chance(development)})."
        )
    if metrics["exported"] == STARTING and test["difference"] > 0:
        found.append(
            "The choice is made on the development split alone; that the tuned model has the "
            "higher test score plays no part in it."
        )
    found.append(_test_hint(test))
    found += _slice_hints(metrics["test_slices"])
    if 0 < development["queries"] < _FEW_QUERIES:
        found.append(
            "The development split has only "
            f"{several(development['queries'], 'query', 'queries')}: another sample of them "
            "could have led to another choice."
        )
    return found


def _test_hint(test: dict[str, Any]) -> str:
    if not test["queries"]:
        return "No test query could be measured."
    queries = several(test["queries"], "test query", "test queries")
    difference, p = change(test["difference"]), chance(test)
    if test["p_value"] < _LIKELY:
        direction = "better" if test["difference"] > 0 else "worse"
        return (
            f"On the {queries} the tuned model is {direction} by {difference.lstrip('+−')} points, "
            f"which chance alone would hardly give ({p})."
        )
    resolvable = test["resolvable"]
    if resolvable is None:
        return f"On the {queries} a difference of {difference} points says nothing yet."
    if abs(test["difference"]) >= resolvable:
        return f"On the {queries} the difference of {difference} points may be chance ({p})."
    return (
        f"On the {queries} a difference of {difference} points cannot be told from none "
        f"({p}): so few queries show only differences of about "
        f"{percent(resolvable)} points or more."
    )


def _slice_hints(slices: dict[str, Any]) -> list[str]:
    seen, unseen = slices["seen"], slices["unseen"]
    if not seen["queries"] and not unseen["queries"]:
        return []
    if not seen["queries"]:
        return ["No test query has a relevant document that was trained on."]
    if not unseen["queries"]:
        return [
            "Every test query has a relevant document that was trained on: nothing here tells "
            "how the model does on documents that are new to it."
        ]
    return [
        "Queries whose relevant documents were not trained on are the harder and fairer test: "
        f"{change(unseen['difference'])} points there ({chance(unseen)}), "
        f"{change(seen['difference'])} where one was trained on "
        f"({chance(seen)})."
    ]


def _averages(finished: Finished) -> list[dict[str, Any]]:
    models = finished.metrics["models"]
    splits = (finished.config.dataset.development, finished.config.dataset.test)
    rows = []
    for metric in METRICS:
        cells = []
        for split in splits:
            before, after = (models[model][split][metric] for model in (STARTING, TUNED))
            cells += [percent(before), percent(after), change(after - before)]
        rows.append({"metric": METRIC_NAMES.get(metric, metric), "cells": cells})
    return rows


def _comparisons(metrics: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("development split", metrics["development"]),
        ("test, all queries", metrics["test"]),
        ("test, positive seen in training", metrics["test_slices"]["seen"]),
        ("test, positive not seen", metrics["test_slices"]["unseen"]),
    ]


def _slices_table(rows: list[tuple[str, dict[str, Any]]]) -> Table:
    return Table(
        "nDCG@10 in percent, starting against tuned model, query by query",
        (
            "slice", "queries", "before", "after", "difference", "95% interval", "p",
            "better / worse", "resolvable",
        ),
        [[name, *_cells(one)] for name, one in rows],
    )  # fmt: skip


def _cells(one: dict[str, Any]) -> list[str]:
    if not one["queries"]:
        return ["0", *["–"] * 7]
    return [
        count(one["queries"]),
        percent(one["before"]),
        percent(one["after"]),
        change(one["difference"]),
        interval(one["low"], one["high"]),
        p_value(one["p_value"]),
        f"{one['wins']} / {one['losses']}",
        percent(one["resolvable"]),
    ]


def _plot(rows: list[tuple[str, dict[str, Any]]]) -> IntervalPlot | None:
    measured = [(name, one) for name, one in rows if one["queries"]]
    if not measured:
        return None
    ends = [100 * one[key] for _, one in measured for key in ("low", "high", "difference")]
    numbers = round_numbers(min(0.0, *ends), max(0.0, *ends))
    scale = Scale(numbers[0], numbers[-1], 4, 96)
    placed = [
        Interval(
            label=f"{name} ({count(one['queries'])})",
            value=change(one["difference"]),
            low=scale(100 * one["low"]),
            middle=scale(100 * one["difference"]),
            high=scale(100 * one["high"]),
            y=38 + 52 * place,
        )
        for place, (name, one) in enumerate(measured)
    ]
    return IntervalPlot(
        name="differences",
        title="Difference in nDCG@10, tuned minus starting model",
        description="A dot is the mean difference over the queries in percentage points, the "
        "line its 95% interval. An interval that crosses the line at zero leaves open whether "
        "there is a difference.",
        height=52 * len(placed) + 42,
        table=Table(
            "Differences in nDCG@10 in percentage points",
            ("slice", "difference", "from", "to"),
            [
                [name, *(change(one[key]) for key in ("difference", "low", "high"))]
                for name, one in measured
            ],
        ),
        rows=placed,
        ticks=[Tick(scale(one), f"{one:+g}".replace("-", "−")) for one in numbers if one]
        + [Tick(scale(0), "0")],
        zero=scale(0),
    )
