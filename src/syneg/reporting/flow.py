"""The section on what was done: how many negatives came how far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from syneg.negatives.record import SYNTHETIC
from syneg.reporting.figures import Table
from syneg.reporting.finished import TUNED, Finished, source_label
from syneg.reporting.text import count, percent, several

_STAND_IN = (
    "The language model of this run is a stand-in with 135 million parameters. It proves the "
    "wiring and says nothing about the method: name a real one with --llm URL --llm-model NAME "
    "(any OpenAI-compatible server)."
)


@dataclass(frozen=True)
class Lane:
    """The way of one source's negatives.

    Attributes:
        label: The source.
        proposed: How many it proposed.
        dropped: By which filter how many went; a filter that dropped none is left out.
        accepted: How many stand after all verdicts.
        used: In how many places of the training instances they stand.
    """

    label: str
    proposed: int
    dropped: list[tuple[str, int]]
    accepted: int
    used: int


def flow(finished: Finished) -> dict[str, Any]:
    """Return what the section "what was done" shows."""
    mix, train = finished.summary("mix"), finished.summary("train")
    data = finished.summary("data")
    split = data["splits"][finished.config.dataset.train]
    lanes = _lanes(finished)
    return {
        "data": data,
        "queries": split["queries"],
        "pairs": split["positives"],
        "lanes": lanes,
        "lanes_table": _lanes_table(lanes),
        "mix": mix,
        "per_instance": finished.config.mixing.total,
        "left_out": max(0, split["positives"] - mix["instances"]),
        "notes": _mixing_notes(mix),
        "train": train,
        "too_long": _too_long(finished),
        "exported_tuned": finished.metrics["exported"] == TUNED,
        "development": finished.metrics["development"],
    }


_YIELD = ("judged", "dropped", "dropped_first", "marked")


def gates(finished: Finished) -> dict[str, Any]:
    """Return what the section on the quality gates shows."""
    mix = finished.summary("mix")
    rows = finished.summary("filter").get("gates", [])
    table = None
    if rows:
        table = Table(
            "Synthetic negatives by gate",
            ("gate", "judged", "would drop", "dropped first here", "marked"),
            [[one["gate"], *(count(one.get(key, 0)) for key in _YIELD)] for one in rows],
        )
    judged = finished.summary("filter")
    return {
        "table": table,
        "proposed": mix["synthetic_proposed"],
        "accepted": mix["synthetic_accepted"],
        "rate": percent(mix["synthetic_yield"], 1),
        "mined_judged": judged.get("mined_judged", 0),
        "mined_dropped": judged.get("mined_dropped", 0),
        "mined_removed": _removed_by_rule(judged.get("mined_removed", {})),
        "opinions": [
            sentence
            for name in ("judge", "cross-encoder")
            for sentence in judged.get(name, {}).get("sentences", [])
        ],
    }


def synthetic_note(finished: Finished) -> str | None:
    """Return a plain sentence where no synthetic negatives were trained on, and why.

    Returns:
        None where synthetic negatives were trained on.
    """
    mix, options = finished.summary("mix"), finished.config.llm
    if mix["synthetic_used"]:
        return None
    if finished.summary("pilot").get("held_back"):
        return f"This run is mined-only: {finished.summary('pilot')['sentence']}"
    proposed = mix["synthetic_proposed"]
    if not proposed:
        if options.recorded is None and options.server == "none":
            return (
                "This run is mined-only: there are no synthetic negatives, because no language "
                "model was named (--llm) and no file of recorded ones given (--synthetic)."
            )
        return (
            "This run is mined-only: there are no synthetic negatives, because "
            + ("the file of recorded ones holds none." if options.recorded
               else "the language model gave no answer.")
        )  # fmt: skip
    if not finished.config.mixing.synthetic:
        return (
            f"This run is mined-only: {several(proposed, 'synthetic negative')} were proposed, "
            "but the configuration mixes none in (mixing.synthetic is 0)."
        )
    accepted = mix["synthetic_accepted"]
    return (
        f"This run is mined-only: of {several(proposed, 'synthetic negative')} "
        f"{f'only {count(accepted)}' if accepted else 'none'} passed the gates "
        f"({percent(mix['synthetic_yield'], 1)}%, where mixing.minimum_yield asks for "
        f"{percent(finished.config.mixing.minimum_yield, 1)}%), so none was mixed in."
    )


def stand_in_note(finished: Finished) -> str | None:
    """Return the warning that the local language model is a stand-in, where it was asked."""
    options = finished.config.llm
    return _STAND_IN if options.server == "local" and options.recorded is None else None


def _lanes(finished: Finished) -> list[Lane]:
    used = finished.summary("mix").get("by_source", {})
    lanes = []
    for source, (proposed, accepted) in finished.proposed_and_accepted().items():
        gone = proposed - accepted
        if source == SYNTHETIC:
            dropped = [
                (one["gate"], one["dropped_first"])
                for one in finished.summary("filter").get("gates", [])
                if one["dropped_first"]
            ]
        else:
            dropped = _dropped_by(finished, source, gone)
        lanes.append(Lane(source_label(source), proposed, dropped, accepted, used.get(source, 0)))
    return lanes


def _dropped_by(finished: Finished, source: str, gone: int) -> list[tuple[str, int]]:
    """Return what dropped a source's negatives; what no rule did, a person or a judge did."""
    by_rule = finished.summary("filter").get("mined_removed", {}).get(source, {})
    found = [(rule, number) for rule, number in by_rule.items() if number]
    others = gone - sum(number for _, number in found)
    return [*found, *([("other verdicts", others)] if others > 0 else [])]


def _removed_by_rule(removed: dict[str, dict[str, int]]) -> list[tuple[str, int]]:
    """Return how many negatives each rule removed, over all sources."""
    counts: dict[str, int] = {}
    for by_rule in removed.values():
        for rule, number in by_rule.items():
            counts[rule] = counts.get(rule, 0) + number
    return list(counts.items())


def _lanes_table(lanes: list[Lane]) -> Table:
    return Table(
        "Negatives by source",
        ("source", "proposed", "dropped", "accepted", "places in training"),
        [
            [
                one.label,
                *map(count, (one.proposed, one.proposed - one.accepted, one.accepted, one.used)),
            ]
            for one in lanes
        ],
    )


def _mixing_notes(mix: dict[str, Any]) -> list[str]:
    notes = []
    if mix["fallback"]:
        notes.append(
            f"in {several(mix['fallback'], 'instance')} retrieved negatives stand in for missing "
            "synthetic ones"
        )
    if mix["filled"]:
        notes.append(
            f"{several(mix['filled'], 'place')} filled with a random negative, because too few "
            "were retrieved"
        )
    if mix["repeated"]:
        notes.append(
            f"{several(mix['repeated'], 'place')} filled by repeating a negative of the same "
            "instance"
        )
    if mix["without_negatives"]:
        notes.append(
            f"{several(mix['without_negatives'], 'pair')} left out because there is no negative "
            "for it"
        )
    return notes


def _too_long(finished: Finished) -> int:
    measured = finished.summary("baseline").get(finished.config.dataset.test, {})
    return int(measured.get("documents_too_long") or 0)
