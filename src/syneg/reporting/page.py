"""The self-contained HTML report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from syneg.files import write_text
from syneg.pipeline.run import Run
from syneg.reporting import text
from syneg.reporting.changes import changes
from syneg.reporting.curves import near_negatives, training
from syneg.reporting.examples import examples
from syneg.reporting.finished import Finished
from syneg.reporting.flow import flow, gates, stand_in_note, synthetic_note
from syneg.reporting.pilot import pilot
from syneg.reporting.provenance import cost, repetition
from syneg.reporting.results import results
from syneg.reporting.templates import template_environment

_HERE = Path(__file__).parent
FILE = "report.html"


def write_report(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Write the run's report: one HTML file that needs nothing else.

    Args:
        run: A run whose stages up to "evaluate" are done.

    Returns:
        The summary of the stage, and the file.
    """
    path = run.folder / FILE
    write_text(path, render(Finished(run)))
    return {"file": FILE}, [path]


def render(finished: Finished) -> str:
    """Return the report as HTML."""
    return _environment().get_template("report.jinja2").render(
        style=Markup((_HERE / "style.css").read_text(encoding="utf-8")),
        name=finished.summary("data")["name"],
        config=finished.config,
        result=results(finished),
        stand_in=stand_in_note(finished),
        mined_only=synthetic_note(finished),
        pilot=pilot(finished),
        flow=flow(finished),
        gates=gates(finished),
        training=training(finished),
        near=near_negatives(finished),
        examples=examples(finished),
        changes=changes(finished),
        cost=cost(finished),
        repetition=repetition(finished),
    )  # fmt: skip


def _environment() -> Environment:
    # Texts of the corpus and of a language model are hostile: all are escaped.
    environment = template_environment(_HERE)
    environment.filters |= {
        "count": text.count,
        "percent": text.percent,
        "duration": text.duration,
        "several": text.several,
        "excerpt": text.excerpt,
        "p_value": text.p_value,
    }
    return environment
