"""The sections on cost, and on how to make the same run again."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc
import yaml

from syneg.negatives.record import SYNTHETIC
from syneg.reporting.figures import Table
from syneg.reporting.finished import Finished
from syneg.reporting.text import count, duration, excerpt, size

_STAGES = {
    "data": "read and check the data",
    "baseline": "encode the corpus, measure the starting model",
    "mine": "mine negatives",
    "pilot": "try synthetic negatives on a few queries",
    "synthesize": "write negatives with a language model",
    "filter": "judge the negatives",
    "mix": "mix the training instances",
    "train": "train",
    "evaluate": "measure the tuned model, choose, export",
}


def cost(finished: Finished) -> dict[str, Any]:
    """Return what the section on cost shows."""
    seconds = {
        name: float(finished.stages[name]["seconds"]) for name in _STAGES if name in finished.stages
    }
    total = sum(seconds.values())
    rows = [
        [name, _STAGES[name], duration(one), f"{100 * one / total:.0f}%" if total else "–"]
        for name, one in seconds.items()
    ]
    rows.append(["all", "", duration(total), ""])
    return {
        "stages": Table(
            "Time by stage, of the process that finished it",
            ("stage", "what it does", "time", "share"),
            rows,
            words=frozenset({1}),
        ),
        "llm": _language_model(finished),
    }


def repetition(finished: Finished) -> dict[str, Any]:
    """Return what the section on repeating the run shows."""
    content = finished.run.manifest.content
    machine = content.get("machine", {})
    versions = [
        ["syneg", str(content.get("syneg", "–"))],
        *([str(name), str(version)] for name, version in content.get("versions", {}).items()),
        *([str(name), str(value)] for name, value in machine.items()),
    ]
    return {
        "configuration": yaml.safe_dump(content["config"], sort_keys=False),
        "versions": Table(
            "Versions and machine", ("what", "version"), versions, words=frozenset({1})
        ),
        "hashes": _hashes(finished),
        "files": _files(finished),
    }


def _language_model(finished: Finished) -> Table | None:
    summary = finished.summary("synthesize")
    if summary.get("server", "none") == "none":
        return None
    shown = [
        ("server", summary.get("server")),
        ("model", summary.get("model")),
        ("file", summary.get("file")),
        ("prompt (fingerprint)", summary.get("prompt")),
    ]
    rows = [[name, excerpt(str(value), 200)] for name, value in shown if value is not None]
    counts = [
        ("requests", summary.get("asked", summary.get("requests"))),
        ("answered", _answered(summary)),
        *((f"failed: {kind}", number) for kind, number in (summary.get("failed") or {}).items()),
        *(
            (f"failed before: {kind}", number)
            for kind, number in (summary.get("failed_before") or {}).items()
        ),
        (f"not reached before {_limit(summary)} ended", summary.get("not_reached")),
        ("tokens read", _total(finished, "prompt_tokens")),
        ("tokens written", _total(finished, "completion_tokens")),
    ]
    rows += [[name, count(number)] for name, number in counts if number is not None]
    price = _total(finished, "cost")
    if price is not None:
        rows.append(["price in US dollars", f"{price:,.2f}"])
    examples = summary.get("failure_examples") or {}
    rows += [[f"example: {kind}", excerpt(str(text), 200)] for kind, text in examples.items()]
    return Table("Language model", ("what", "value"), rows, words=frozenset({1}))


def _limit(summary: dict[str, Any]) -> str:
    names = {"cost": "the money", "tokens": "the budget of tokens"}
    return names.get(summary.get("stopped_by") or "", "the time budget")


def _answered(summary: dict[str, Any]) -> int | None:
    parts = [summary.get("answered_now"), summary.get("answered_before")]
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _total(finished: Finished, column: str) -> float | None:
    # From the records, not the summary: they hold what earlier processes spent as well.
    written = finished.negatives.filter(pc.equal(finished.negatives["source"], SYNTHETIC))
    total: float | None = pc.sum(written[column]).as_py()
    return finished.summary("synthesize").get(column) if total is None else total


def _hashes(finished: Finished) -> Table:
    facts = finished.run.manifest.facts
    rows = [[str(name), str(value)] for name, value in facts.items()]
    exported = finished.stages.get("evaluate", {}).get("sha256", {})
    rows += [
        [f"exported model, {name}", digest]
        for name, digest in exported.items()
        if name.startswith("model/") and name.endswith(".safetensors")
    ]
    return Table("Data and models", ("what", "hash"), rows, words=frozenset({1}))


def _files(finished: Finished) -> Table:
    rows = [
        [excerpt(name, 200), stage, size(entry["sizes"][name]), digest]
        for stage, entry in finished.stages.items()
        for name, digest in entry["sha256"].items()
    ]
    return Table(
        "Files of the run folder, with their SHA-256",
        ("file", "stage", "size", "SHA-256"),
        rows,
        words=frozenset({1, 3}),
    )
