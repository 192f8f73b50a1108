"""Doing a run and telling plainly how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from syneg.cli.console import ConsoleProgress, err, out, say_interrupted
from syneg.evaluation.decision import headline
from syneg.llm.outcome_lines import outcome_lines
from syneg.pipeline.config import RunConfig
from syneg.pipeline.pipeline import run_pipeline

_STAND_IN = (
    "The language model of the demo has 135 million parameters: a stand-in that proves the "
    "wiring, not the method. Name a real one: syneg run --dataset FOLDER --llm URL --llm-model "
    "NAME --output DIR (any OpenAI-compatible server)."
)


def run_and_show(
    config: RunConfig,
    output: Path,
    *,
    until: str,
    is_demo: bool = False,
    retry_failed: bool = False,
) -> None:
    """Run the pipeline and print what came of it.

    Args:
        config: What to do.
        output: The run folder.
        until: The last stage.
        is_demo: Whether to say that the demo's language model is a stand-in.
        retry_failed: Whether the language model is asked again what it failed at for good.
    """
    try:
        summaries = run_pipeline(
            config, output, until=until, progress=ConsoleProgress(), retry_failed=retry_failed
        )
    except KeyboardInterrupt:
        raise typer.Exit(say_interrupted()) from None
    for asked in (summaries.get("synthesize", {}), _judging(summaries)):
        if "asked" in asked:
            for sentence in outcome_lines(asked):
                out.print(sentence, highlight=False, markup=False)
    line = pilot_line(summaries.get("pilot", {}), config)
    if line is not None:
        out.print(line, highlight=False, markup=False)
    if "filter" in summaries and summaries["filter"]["gates"]:
        out.print(gates_table(summaries["filter"]["gates"]))
    if "mix" in summaries:
        for line in mixture_lines(summaries["mix"]):
            out.print(line, highlight=False, markup=False)
    if "evaluate" in summaries:
        _show_result(summaries["evaluate"], config)
    else:
        out.print(f"{until} is done.", highlight=False, markup=False)
    if "report" in summaries:
        out.print(f"Report: {output / 'report.html'}", highlight=False, markup=False)
        out.print(f"Model:  {output / 'model'}", highlight=False, markup=False)
        out.print(
            f"All else (negatives, verdicts, runs, figures): {output}",
            highlight=False,
            markup=False,
        )
    else:
        err.print(f"next: syneg run --output {output}", highlight=False, markup=False)
    if is_demo:
        out.print(_STAND_IN, highlight=False, markup=False)


def _judging(summaries: Mapping[str, Any]) -> dict[str, Any]:
    asked: dict[str, Any] = summaries.get("filter", {}).get("judge", {}).get("asking", {})
    return asked


def metrics_table(title: str, rows: Mapping[str, Mapping[str, float]]) -> Table:
    """Return metrics as a table, a row per model, in percent."""
    names = list(next(iter(rows.values())))
    table = Table(title=escape(title), title_justify="left")
    table.add_column("model")
    for name in names:
        table.add_column(name, justify="right")
    for model, metrics in rows.items():
        table.add_row(escape(model), *(f"{100 * metrics[name]:.2f}" for name in names))
    return table


def pilot_line(pilot: dict[str, Any], config: RunConfig) -> str | None:
    """Return what the pilot found, or why there was none; None where there was nothing to try."""
    if "sentence" in pilot:
        return f"Pilot with {pilot['queries']} training queries: {pilot['sentence']}"
    asked = config.llm.recorded is not None or config.llm.server != "none"
    if asked and config.pilot.queries and "skipped" in pilot:
        return f"No pilot was made: {pilot['skipped']}."
    return None


def gates_table(gates: list[dict[str, Any]]) -> Table:
    """Return how many synthetic negatives each gate judged and dropped."""
    table = Table(title="Synthetic negatives by gate", title_justify="left")
    for name in ("gate", "judged", "dropped", "dropped first here", "marked"):
        table.add_column(name, justify="left" if name == "gate" else "right")
    for one in gates:
        values = (one["judged"], one["dropped"], one["dropped_first"], one.get("marked", 0))
        table.add_row(one["gate"], *map(str, values))
    return table


def mixture_lines(mixture: dict[str, Any]) -> list[str]:
    """Return what the training instances are made of, and what stood in for what."""
    sources = ", ".join(f"{count} {name}" for name, count in mixture["by_source"].items())
    lines = [
        f"Mixture: {mixture['instances']} training instances with {sources or 'no'} negatives."
    ]
    proposed, accepted = mixture["synthetic_proposed"], mixture["synthetic_accepted"]
    if proposed:
        lines.append(
            f"Synthetic negatives: {accepted} of {proposed} passed the gates "
            f"({100 * mixture['synthetic_yield']:.0f}%)."
        )
    if proposed and not mixture["synthetic_used"]:
        lines.append("None of them was used: what was trained is mined-only.")
    if mixture["fallback"]:
        lines.append(
            f"{mixture['fallback']} instances have retrieved negatives in place of a synthetic one."
        )
    if mixture["filled"]:
        lines.append(f"{mixture['filled']} negatives are random documents: too few were retrieved.")
    return lines


def _show_result(metrics: dict[str, Any], config: RunConfig) -> None:
    test = config.dataset.test
    out.print(
        metrics_table(
            f"{test} split, in percent",
            {
                "starting model": metrics["models"]["starting"][test],
                "tuned model": metrics["models"]["tuned"][test],
            },
        )
    )
    slices = Table(title="nDCG@10 by whether a positive was trained on", title_justify="left")
    for name in ("test queries", "count", "before", "after", "change", "95% interval", "p"):
        slices.add_column(name, justify="left" if name == "test queries" else "right")
    rows = {
        "all": metrics["test"],
        "positive trained on": metrics["test_slices"]["seen"],
        "positive unseen": metrics["test_slices"]["unseen"],
    }
    for name, one in rows.items():
        slices.add_row(name, *_cells(one))
    out.print(slices)
    out.print(headline(metrics), highlight=False, markup=False)


def _cells(one: dict[str, Any]) -> list[str]:
    if not one["queries"]:
        return ["0", "", "", "", "", ""]
    return [
        str(one["queries"]),
        f"{100 * one['before']:.2f}",
        f"{100 * one['after']:.2f}",
        f"{100 * one['difference']:+.2f}",
        f"{100 * one['low']:+.1f}…{100 * one['high']:+.1f}",
        "<0.001" if one["p_value"] < 0.001 else f"{one['p_value']:.3f}",
    ]
