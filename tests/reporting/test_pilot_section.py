from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from syneg.cli.outcome import pilot_line
from syneg.pipeline.config import load_config
from syneg.pipeline.pilot_decision import PilotDecision, Scored, decide

from .finished_run import ANIMALS, RunMaker, written
from .parsed import report_of as report

GOOD = [written(name) for name in ANIMALS[:5]]
TABLE = "Candidates of the pilot: nDCG@10 on the development split, in percent"
NOISE = np.random.default_rng(0).normal(0, 0.02, (2, 80))


def decided(difference: float) -> tuple[list[Scored], PilotDecision]:
    """A pilot whose candidate with synthetic negatives differs by so much."""
    without = Scored("mined only", 0, np.full((2, 80), 0.5))
    scored = [without, Scored("<b>hybrid</b>", 1, 0.5 + difference + NOISE - NOISE.mean())]
    return scored, decide(scored)


def pilot(difference: float) -> dict[str, Any]:
    """What the stage tells of such a pilot."""
    scored, decision = decided(difference)
    found = [decision.differences.get(one.name) for one in scored]
    return {
        "queries": 100, "proposed": 100, "accepted": 93, "pairs": 104, "steps": 28,
        "seeds": [0, 1], "seconds": 190.0, "starting": 0.45, "development_queries": 80,
        "development_documents": 5000, "choice": decision.choice,
        "held_back": decision.held_back, "sentence": decision.sentence,
        "candidates": [
            {"name": one.name, "synthetic": one.synthetic, "retrieved": 4 - one.synthetic,
             "mean": one.mean, "difference": None if gap is None else asdict(gap)}
            for one, gap in zip(scored, found, strict=True)
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("difference", "held_back", "words"),
    [
        (0.03, False, "Synthetic negatives help on this data"),
        (0.0005, False, "cannot tell"),
        (0.0, True, "cannot tell"),
        (-0.0005, True, "cannot tell"),
        (-0.03, True, "Synthetic negatives do harm on this data"),
    ],
)
def test_the_mean_decides_and_the_sentence_says_what_the_interval_allows(
    difference: float, held_back: bool, words: str
) -> None:
    # The smallest differences drown in what one seed and the choice of queries change.
    _, decision = decided(difference)
    assert decision.held_back == held_back
    assert words in decision.sentence
    assert ("held back" in decision.sentence) == held_back
    assert decision.choice == ("mined only" if held_back else "<b>hybrid</b>")


def test_the_report_tells_what_was_tried_and_chosen(make_run: RunMaker) -> None:
    one = pilot(0.03)
    page = report(make_run(GOOD, pilot=one))
    rows = page.table(TABLE)[1:]
    assert rows[0][:4] == ["the starting model", "–", "–", "45.00"]
    assert rows[1] == ["mined only", "0", "4", "50.00", "–", "–", ""]
    assert rows[2][:5] == ["<b>hybrid</b>", "1", "3", "53.00", "+3.00"]
    assert rows[2][6] == "chosen"
    assert one["sentence"] in page.text
    assert "93 of 100 passed the gates" in page.text
    assert "#pilot" in {link.attributes["href"] for link in page.all("a")}


def test_the_report_says_why_a_run_is_mined_only(make_run: RunMaker) -> None:
    one = pilot(-0.03)
    page = report(make_run(GOOD, pilot=one, values={"mixing.synthetic": 0}))
    assert f"This run is mined-only: {one['sentence']}" in page.text


def test_a_pilot_that_was_not_made_is_explained(make_run: RunMaker) -> None:
    page = report(make_run(GOOD, pilot={"skipped": "it is switched off"}))
    assert "No pilot was made: it is switched off." in page.text


def test_a_run_without_a_language_model_has_no_section(make_run: RunMaker) -> None:
    page = report(make_run(pilot={"skipped": "there is no language model"}))
    assert "pilot" not in {one.attributes.get("id") for one in page.all("h2")}


def test_the_console_has_one_line() -> None:
    config = load_config(values={"llm.server": "local"})
    one = pilot(0.03)
    line = pilot_line(one, config)
    assert line == f"Pilot with 100 training queries: {one['sentence']}"
    assert "\n" not in line
    assert pilot_line({"skipped": "few"}, config) == "No pilot was made: few."
    assert pilot_line({"skipped": "few"}, load_config()) is None
    assert pilot_line({}, config) is None
