"""The section on the pilot: what a few queries said about synthetic negatives."""

from __future__ import annotations

from typing import Any

from syneg.reporting.figures import Table
from syneg.reporting.finished import Finished
from syneg.reporting.text import change, interval, percent


def pilot(finished: Finished) -> dict[str, Any] | None:
    """Return what the section on the pilot shows.

    Returns:
        None where there was nothing to try: no language model, no recorded negatives, or a run
        of a version that made no pilots.
    """
    summary, options = finished.summary("pilot"), finished.config.llm
    if not summary or (options.recorded is None and options.server == "none"):
        return None
    return {
        "skipped": summary.get("skipped"),
        "summary": summary,
        "options": finished.config.pilot,
        "table": _table(summary) if summary.get("candidates") else None,
    }


def _table(summary: dict[str, Any]) -> Table:
    rows = [["the starting model", "–", "–", percent(summary["starting"]), "–", "–", ""]]
    for one in summary["candidates"]:
        difference = one["difference"]
        rows.append(
            [
                one["name"],
                str(one["synthetic"]),
                str(one["retrieved"]),
                percent(one["mean"]),
                "–" if difference is None else change(difference["difference"]),
                "–" if difference is None else interval(difference["low"], difference["high"]),
                "chosen" if one["name"] == summary["choice"] else "",
            ]
        )
    return Table(
        "Candidates of the pilot: nDCG@10 on the development split, in percent",
        (
            "candidate", "synthetic", "retrieved", "mean", "against the one without",
            "95% interval", "choice",
        ),
        rows,
        words=frozenset({6}),
    )  # fmt: skip
