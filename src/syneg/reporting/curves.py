"""The sections with curves and histograms: training, and how near the negatives are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from syneg.reporting.figures import (
    Bar,
    Curve,
    Histograms,
    Panel,
    Point,
    Scale,
    Table,
    Tick,
    round_numbers,
    shares,
    thinned,
    whole_numbers,
)
from syneg.reporting.finished import STARTING, Finished, source_label
from syneg.reporting.text import percent, several, similarity

_TOP, _BOTTOM = 14, 196
_LEFT, _RIGHT = 13, 97
_CURVE_HEIGHT = 236
_PANEL, _PANEL_BARS = 92, 58


def training(finished: Finished) -> dict[str, Any]:
    """Return what the section on training shows."""
    summary = finished.summary("train")
    return {
        "summary": summary,
        "options": finished.config.training,
        "loss": _loss(summary.get("losses", [])),
        "development": _development(finished),
        "part": _part_note(finished),
    }


def near_negatives(finished: Finished) -> Histograms | None:
    """Return the similarity of negatives and queries by source; None where none is known."""
    known = {}
    for source in finished.sources:
        column = finished.negatives.filter(finished.of_source(source))["query_similarity"]
        values = column.drop_null().to_numpy().astype(np.float64)
        # Rounding leaves some a little above 1.
        values = np.clip(values[np.isfinite(values)], -1, 1)
        if len(values):
            known[source] = values
    if not known:
        return None
    low = math.floor(10 * min(values.min() for values in known.values())) / 10
    high = max(low + 0.1, math.ceil(10 * max(values.max() for values in known.values())) / 10)
    edges = np.linspace(low, high, round(20 * (high - low)) + 1)
    return _histograms(known, edges)


def _loss(losses: list[tuple[int, float]]) -> Curve | None:
    if not losses:
        return None
    points = thinned([(int(step), float(loss)) for step, loss in losses])
    across = Scale(0, points[-1][0], _LEFT, _RIGHT)
    numbers = round_numbers(min(loss for _, loss in points), max(loss for _, loss in points), 5)
    up = Scale(numbers[0], numbers[-1], _BOTTOM, _TOP)
    averaged = len(points) < len(losses)
    return Curve(
        name="loss",
        title="Training loss by step",
        description=f"From {points[0][1]:.3f} at step {points[0][0]} to {points[-1][1]:.3f} at "
        f"step {points[-1][0]}."
        + (" Each point is a mean over neighbouring log lines." if averaged else ""),
        height=_CURVE_HEIGHT,
        table=Table(
            "Training loss", ("step", "loss"), [[str(step), f"{loss:.4f}"] for step, loss in points]
        ),
        points=[Point(across(step), up(loss), f"{loss:.3f}") for step, loss in points],
        across=[Tick(across(one), f"{one:g}") for one in whole_numbers(0, points[-1][0])],
        up=[Tick(up(one), f"{one:g}") for one in numbers],
        x_name="step",
        dots=len(points) <= 20,
    )


def _development(finished: Finished) -> Curve | None:
    summary = finished.summary("train")
    scores = {int(key): 100 * value for key, value in summary.get("development", {}).items()}
    if not scores:
        return None
    start = _comparable_start(finished)
    values = [*scores.values()] + ([] if start is None else [start])
    numbers = round_numbers(min(values), max(values), 5)
    up = Scale(numbers[0], numbers[-1], _BOTTOM, _TOP)
    epochs = sorted(scores)
    across = Scale(epochs[0], epochs[-1], _LEFT + 6, _RIGHT - 6)
    best = summary.get("best_epoch")
    rows = [] if start is None else [["starting model", f"{start:.2f}"]]
    rows += [[f"epoch {epoch}", f"{scores[epoch]:.2f}"] for epoch in epochs]
    return Curve(
        name="development",
        title="nDCG@10 on the development split by epoch",
        description=f"Epoch {best} is best and was kept (diamond)."
        + ("" if start is None else f" The dashed line is the starting model, {start:.2f}."),
        height=_CURVE_HEIGHT,
        table=Table("nDCG@10 on the development split, in percent", ("model", "nDCG@10"), rows),
        points=[
            Point(across(epoch), up(scores[epoch]), f"{scores[epoch]:.2f}", epoch == best)
            for epoch in epochs
        ],
        across=[Tick(across(one), str(one)) for one in whole_numbers(epochs[0], epochs[-1])],
        up=[Tick(up(one), f"{one:g}") for one in numbers],
        x_name="epoch",
        reference=None if start is None else Tick(up(start), f"starting model {start:.2f}"),
        dots=True,
    )


def _part_searched(finished: Finished) -> int | None:
    documents = finished.summary("train").get("development_documents")
    if documents is None or documents >= finished.summary("data")["documents"]:
        return None
    return int(documents)


def _part_note(finished: Finished) -> str | None:
    documents = _part_searched(finished)
    if documents is None:
        return None
    return (
        f"After each epoch only {several(documents, 'document')} of the corpus were searched, so "
        "these scores are higher than those on all of it and stand beside no starting model. "
        "They compare epochs; the choice of the exported model was made on the whole corpus."
    )


def _comparable_start(finished: Finished) -> float | None:
    if _part_searched(finished) is not None:
        return None
    split = finished.config.dataset.development
    return 100 * float(finished.metrics["models"][STARTING][split]["ndcg@10"])


def _histograms(known: dict[str, Any], edges: Any) -> Histograms:
    across = Scale(float(edges[0]), float(edges[-1]), 3, 97)
    in_bins = {source: shares(values, edges) for source, values in known.items()}
    tallest = max(max(one) for one in in_bins.values())
    panels = []
    for place, (source, values) in enumerate(known.items()):
        base = (place + 1) * _PANEL
        height = Scale(0, tallest, 0, _PANEL_BARS)
        bars = [
            Bar(across(left), across(right) - across(left), base - height(share), height(share))
            for left, right, share in zip(edges, edges[1:], in_bins[source], strict=False)
            if share
        ]
        median = float(np.median(values))
        panels.append(
            Panel(
                label=source_label(source),
                note=f"{several(len(values), 'negative')}, median {similarity(median)}",
                top=base - _PANEL_BARS,
                base=base,
                bars=bars,
                median=across(median),
            )
        )
    marks = [one / 10 for one in range(round(10 * edges[0]), round(10 * edges[-1]) + 1)]
    marks = marks if len(marks) <= 8 else marks[::2]
    return Histograms(
        name="similarity",
        title="Similarity of proposed negatives to their query",
        description="Cosine under the starting model, as shares of each source's negatives; the "
        "dashed line is the median. Further right means harder to tell from a relevant document.",
        height=len(panels) * _PANEL + 42,
        table=_shares_table(in_bins, edges),
        panels=panels,
        ticks=[Tick(across(one), f"{one:.1f}".replace("-", "−")) for one in marks],
        x_name="cosine of query and negative",
    )


def _shares_table(in_bins: dict[str, list[float]], edges: Any) -> Table:
    return Table(
        "Share of each source's negatives by similarity to the query, in percent",
        ("similarity", *(source_label(source) for source in in_bins)),
        [
            [f"{similarity(left)} to {similarity(right)}", *(percent(one, 1) for one in row)]
            for left, right, row in zip(
                edges, edges[1:], zip(*in_bins.values(), strict=True), strict=False
            )
        ],
    )
