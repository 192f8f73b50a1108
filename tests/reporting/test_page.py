from __future__ import annotations

import pytest

from syneg.evaluation.decision import headline
from syneg.evaluation.metrics import METRICS
from syneg.files import read_json, write_json
from syneg.pipeline.manifest import Manifest
from syneg.pipeline.run import Run

from .finished_run import ANIMALS, RunMaker, written
from .parsed import Element
from .parsed import report_of as report

GOOD = [written(name) for name in ANIMALS[:5]]
BOTH = (
    "Both models on the development and the test split, in percent; difference in percentage points"
)
SLICES = "nDCG@10 in percent, starting against tuned model, query by query"


def callouts(page: Element) -> list[str]:
    return [one.text for one in page.all("div") if one.has_class("callout")]


def number(text: str) -> float:
    return float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))


def test_the_headline_is_that_of_the_metrics_and_names_the_exported_model(
    make_run: RunMaker,
) -> None:
    run = make_run(GOOD)
    first = callouts(report(run))[0]
    assert headline(read_json(run.folder / "metrics.json")) in first
    assert "Exported: the tuned model" in first


def test_a_run_whose_training_did_not_help_says_that_the_starting_model_is_exported(
    make_run: RunMaker,
) -> None:
    page = report(make_run(GOOD, scores=lambda _: (0.7, 0.6)))
    assert "Exported: the starting model" in callouts(page)[0]
    assert "exported: the starting model, unchanged" in page.text


def test_the_tables_hold_the_numbers_of_metrics_json(make_run: RunMaker) -> None:
    run = make_run(GOOD)
    page, metrics = report(run), read_json(run.folder / "metrics.json")
    rows = page.table(BOTH)[2:]
    assert len(rows) == len(METRICS)
    for name, row in zip(METRICS, rows, strict=True):
        assert row[0].lower() == name
        for place, split in enumerate(("dev", "test")):
            before, after = (metrics["models"][one][split][name] for one in ("starting", "tuned"))
            shown = [number(cell) for cell in row[1 + 3 * place : 4 + 3 * place]]
            assert shown == pytest.approx(
                [100 * before, 100 * after, 100 * (after - before)], abs=0.006
            )


def test_the_slices_hold_the_numbers_of_metrics_json(make_run: RunMaker) -> None:
    run = make_run(GOOD)
    page, metrics = report(run), read_json(run.folder / "metrics.json")
    slices = metrics["test_slices"]
    compared = [metrics["development"], metrics["test"], slices["seen"], slices["unseen"]]
    for row, one in zip(page.table(SLICES)[1:], compared, strict=True):
        shown = [number(cell) for cell in row[1:5]]
        wanted = [one["queries"], *(100 * one[key] for key in ("before", "after", "difference"))]
        assert shown == pytest.approx(wanted, abs=0.006)
        assert [number(end) for end in row[5].split(" to ")] == pytest.approx(
            [100 * one["low"], 100 * one["high"]], abs=0.006
        )
        assert row[7] == f"{one['wins']} / {one['losses']}"


def test_a_slice_without_queries_is_shown_as_empty(make_run: RunMaker) -> None:
    run = make_run(GOOD)
    metrics = read_json(run.folder / "metrics.json")
    # What `compare_paired` returns where there is nothing to compare.
    metrics["test_slices"]["seen"] |= {"queries": 0, "p_value": 1.0, "resolvable": None}
    write_json(run.folder / "metrics.json", metrics)
    page = report(run)
    assert page.table(SLICES)[3] == ["test, positive seen in training", "0", *["–"] * 7]
    assert "No test query has a relevant document that was trained on." in page.text


def test_the_flow_and_the_gates_add_up(make_run: RunMaker) -> None:
    bad = written("ant", text=None, problem="the answer was cut off at max_tokens")
    page = report(make_run([*GOOD, bad]))
    rows = {row[0]: row[1:] for row in page.table("Negatives by source")[1:]}
    assert rows["language model"] == ["6", "1", "5", "5"]
    assert rows["BM25"][:3] == ["12", "6", "6"]
    gates = {row[0]: row[1:] for row in page.table("Synthetic negatives by gate")[1:]}
    assert gates["format"] == ["6", "1", "1", "0"]
    assert (
        "Of 6 proposed synthetic negatives, 5 stand after all verdicts: a yield of 83.3%"
        in page.text
    )
    assert "in 1 instance retrieved negatives stand in" in page.text


def test_a_run_without_a_language_model_says_that_it_is_mined_only(make_run: RunMaker) -> None:
    page = report(make_run())
    assert "This run is mined-only" in callouts(page)[1]
    assert "no language model was named" in callouts(page)[1]
    assert "There were no synthetic negatives to judge." in page.text
    assert "stand-in" not in page.text


def test_rejected_synthetic_negatives_make_a_run_mined_only(make_run: RunMaker) -> None:
    page = report(make_run([written(name, text="Too short.") for name in ANIMALS[:5]]))
    assert "mined-only: of 5 synthetic negatives none passed the gates" in callouts(page)[1]
    assert "mined-only" in page.text


def test_negatives_that_the_configuration_leaves_out_make_a_run_mined_only(
    make_run: RunMaker,
) -> None:
    page = report(make_run(GOOD, values={"mixing.synthetic": 0}))
    assert "5 synthetic negatives were proposed, but the configuration mixes none" in page.text


def test_the_local_model_is_called_a_stand_in_and_how_to_name_another_is_told(
    make_run: RunMaker,
) -> None:
    notes = " ".join(callouts(report(make_run(GOOD))))
    assert "stand-in with 135 million parameters" in notes
    assert "--llm URL --llm-model NAME" in notes


def test_examples_show_what_was_asked_of_the_model_and_what_became_of_it(
    make_run: RunMaker,
) -> None:
    bad = written("ant", text=None, problem="the answer was cut off at max_tokens")
    shown = [one.text for one in report(make_run([*GOOD, bad])).all("article")]
    examples = [one for one in shown if one.startswith("Query ")]
    assert len(examples) == 3
    for text in examples[:2]:
        assert "domain “zoology”" in text
        assert "reasoning: It is about a" in text
        assert "similarity to the query 0.60 · trained on" in text
        assert "Negative, BM25" in text
        assert "Negative, dense retrieval" in text
    assert "format: dropped – the answer was cut off at max_tokens" in examples[2]


def test_queries_that_changed_most_show_what_is_on_top_now(make_run: RunMaker) -> None:
    cards = [one.text for one in report(make_run(GOOD)).all("article") if one.has_class("card")]
    lost = [one for one in cards if "the spider do?" in one]
    assert len(lost) == 1
    # The starting model ranks the animals in order, the tuned one the other way round.
    assert "90.0 → 40.0 · first relevant document: place 10 → place 1" in lost[0]
    assert "On top before, not judged relevant The cat" in lost[0]
    assert "On top now the relevant document itself" in lost[0]


def test_cost_and_provenance_are_told(make_run: RunMaker) -> None:
    asked = {"model": "tiny", "asked": 9, "answered_now": 3, "answered_before": 2,
             "failed": {"timeout": 4}, "not_reached": 0}  # fmt: skip
    run = make_run(GOOD, asked=asked)
    page = report(run)
    llm = dict(page.table("Language model")[1:])
    assert llm["answered"] == "5"
    assert llm["failed: timeout"] == "4"
    assert llm["tokens read"] == "500"
    stages = {
        row[0]: row[2] for row in page.table("Time by stage, of the process that finished it")
    }
    assert stages["train"] == "1 min 1 s"
    hashes = dict(page.table("Data and models")[1:])
    assert hashes["starting model"] == "abcdef"
    assert len(hashes["exported model, model/model.safetensors"]) == 64
    shown = " ".join(one.text for one in page.all("pre"))
    assert "syneg run --config config.yaml --output DIR" in shown
    kept = (run.folder / "config.yaml").read_text(encoding="utf-8")
    assert " ".join(kept.split()) in shown


def test_one_epoch_and_one_loss_point_are_drawn(make_run: RunMaker) -> None:
    short = {"losses": [[5, 0.5]], "development": {"1": 0.6}, "best_epoch": 1}
    page = report(make_run(GOOD, values={"training.epochs": 1}, train=short))
    assert page.table("Training loss")[1:] == [["5", "0.5000"]]
    assert "epoch 1" in page.text


def test_a_training_too_short_to_log_a_loss_is_reported(make_run: RunMaker) -> None:
    page = report(make_run(GOOD, train={"losses": []}))
    assert "The run was too short for a loss to be logged." in page.text


def test_epochs_scored_on_a_part_of_the_corpus_stand_beside_no_starting_model(
    make_run: RunMaker,
) -> None:
    page = report(make_run(GOOD, train={"development_documents": 7}))
    assert page.table("nDCG@10 on the development split, in percent")[1][0] == "epoch 1"
    assert "only 7 documents of the corpus were searched" in page.text


def test_the_same_run_gives_the_same_page_again(make_run: RunMaker) -> None:
    run = make_run(GOOD)
    report(run)
    first = (run.folder / "report.html").read_bytes()
    report(Run(run.folder, run.config, Manifest(run.folder, run.config)))
    assert (run.folder / "report.html").read_bytes() == first
