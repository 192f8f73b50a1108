"""What a user can do about the writing: limits, retries, a shared journal, an estimate, a judge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_server import FakeServer, Reply, Seen, completion
from syneg.datasets.beir import write_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.files import read_table
from syneg.pipeline.config import RunConfig, load_config
from syneg.pipeline.dry_run import estimate_writing
from syneg.pipeline.pipeline import run_pipeline
from syneg.pipeline.reviewing import add_reviews
from syneg.pipeline.rewriting import rewrite_positives

PRICES = {"llm.input_price": 1000.0, "llm.output_price": 1000.0}


def answer(seen: Seen) -> Reply:
    user = seen.body["messages"][-1]["content"]
    text = (
        "Farmers in many countries have kept animals of this kind for centuries, and the way "
        f"in which they feed them differs between regions and seasons ({len(user)} {hash(user)})."
    )
    content = {"reasoning": "It is close.", "title": "", "text": text, "check": "pass: it is not."}
    return Reply(body=completion(json.dumps(content)))


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        running.rule = answer
        yield running


def config(folder: Path, server: FakeServer, **values) -> RunConfig:
    given = {"dataset.location": str(folder), "llm.server": server.url, "pilot.queries": 0}
    return load_config(values={**given, "llm.concurrency": 1, **values})


def test_a_limit_of_money_stops_and_a_higher_one_goes_on(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    # Five tokens out: half a cent an answer; 512, the most it may have, are set aside for each.
    prices = {"llm.input_price": 0.0, "llm.output_price": 1000.0}
    poor = config(animal_folder, server, **prices, **{"llm.most_cost": 0.53})
    first = run_pipeline(poor, output, until="synthesize")["synthesize"]
    assert first["stopped_by"] == "cost" and 0 < first["answered_now"] < 10
    assert first["cost"] <= 0.53
    rows = read_table(output / "pool" / "negatives" / "llm.parquet").to_pylist()
    assert {round(row["cost"], 6) for row in rows} == {0.005}
    rich = config(animal_folder, server, **prices, **{"llm.most_cost": 100.0})
    second = run_pipeline(rich, output, until="synthesize")["synthesize"]
    assert second["answered_before"] == first["answered_now"]
    assert second["proposed"] == 10 == len(server.chats)


def test_the_server_may_move_while_more_is_written(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    values = {"llm.model": "fake"}
    first = config(animal_folder, server, **values, **{"llm.queries": 4})
    run_pipeline(first, tmp_path / "run", until="synthesize")
    with FakeServer() as other:
        other.rule = answer
        moved = config(animal_folder, other, **values)
        summary = run_pipeline(moved, tmp_path / "run", until="synthesize")["synthesize"]
        assert (len(server.chats), len(other.chats), summary["proposed"]) == (4, 6, 10)
    with pytest.raises(InputError, match=r"llm\.server"):
        gone = load_config(tmp_path / "run" / "config.yaml", ["llm.server=none"])
        run_pipeline(gone, tmp_path / "run", until="synthesize")


def test_what_was_refused_is_reported_and_asked_again_only_when_told(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    def refuses_one(seen: Seen) -> Reply:
        if "eats bamboo" in seen.body["messages"][-1]["content"] or not refuses_one.once:
            refuses_one.once = seen.body["messages"][-1]["content"]
        if seen.body["messages"][-1]["content"] == refuses_one.once:
            return Reply(body=completion("I'm sorry, but I can't help with that."))
        return answer(seen)

    refuses_one.once = ""
    server.rule = refuses_one
    output, made = tmp_path / "run", config(animal_folder, server)
    first = run_pipeline(made, output, until="mix")["synthesize"]
    assert sum(first["failed"].values()) == 1 and first["proposed"] == 9
    assert first["failure_examples"]
    before = len(server.chats)
    again = run_pipeline(made, output, until="mix")["synthesize"]
    assert len(server.chats) == before and again == first
    server.rule = answer
    third = run_pipeline(made, output, until="mix", retry_failed=True)["synthesize"]
    assert third["answered_now"] == 1 and third["proposed"] == 10
    assert len(server.chats) == before + 1


def test_more_is_not_written_once_a_model_was_trained_on_it(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    values = {"training.epochs": 1, "training.max_length": 16, "llm.queries": 3}
    run_pipeline(config(animal_folder, server, **values), tmp_path / "run", until="train")
    with pytest.raises(InputError, match=r"llm\.queries"):
        run_pipeline(
            config(animal_folder, server, **{**values, "llm.queries": 5}), tmp_path / "run"
        )
    with pytest.raises(InputError, match=r"llm\.journal"):
        run_pipeline(config(animal_folder, server, **values), tmp_path / "run", retry_failed=True)


def test_a_data_set_that_grew_costs_only_what_is_new(
    server: FakeServer, animal_data: RetrievalDataset, tmp_path: Path
) -> None:
    values = {"llm.journal": str(tmp_path / "journal.sqlite"), "synthesis.anchors": 0}
    judged = animal_data.judgements("train").to_pylist()
    for name, rows, asked in (("small", judged[:6], 6), ("large", judged, 12)):
        triples = [(one["query_id"], one["doc_id"], one["grade"]) for one in rows]
        data = RetrievalDataset.from_rows(
            "animals",
            corpus=[tuple(row.values()) for row in animal_data.corpus.to_pylist()],
            queries=[tuple(row.values())[:2] for row in animal_data.queries.to_pylist()],
            qrels={
                "train": triples,
                "dev": [("q-" + triples[0][0][2:], triples[0][1], 1)],
                "test": [
                    (one["query_id"], one["doc_id"], 1)
                    for one in animal_data.judgements("test").to_pylist()
                ],
            },
        )
        write_beir_folder(data, tmp_path / name)
        made = config(tmp_path / name, server, **values)
        run_pipeline(made, tmp_path / f"run-{name}", until="synthesize")
        assert len(server.chats) == asked


def test_an_estimate_asks_nothing_and_leaves_nothing(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    made = config(animal_folder, server, **PRICES, **{"llm.model": "fake"})
    found = estimate_writing(made, tmp_path / "run")
    assert (found.items, found.requests, found.answered) == (10, 10, 0)
    assert found.cost is not None and found.most_cost is not None
    assert 0 < found.cost < found.most_cost and found.guesses
    assert not server.chats and not (tmp_path / "run").exists()
    # In a run, what is answered costs nothing, and its answers tell the usual size.
    few = config(animal_folder, server, **PRICES, **{"llm.model": "fake", "llm.queries": 4})
    run_pipeline(few, tmp_path / "run", until="synthesize")
    manifest = (tmp_path / "run" / "manifest.json").read_bytes()
    asked = len(server.chats)
    later = estimate_writing(made, tmp_path / "run")
    assert (later.items, later.answered, later.requests) == (10, 4, 6)
    assert later.cost == pytest.approx(6 * 0.015, rel=0.05)
    assert len(server.chats) == asked
    assert (tmp_path / "run" / "manifest.json").read_bytes() == manifest


def test_two_servers_of_one_model_share_the_work(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    with FakeServer() as other:
        other.rule = server.rule = lambda seen: Reply(body=answer(seen).body, delay=0.1)
        values = {"llm.endpoints": [other.url], "llm.concurrency": 2, "llm.model": "fake"}
        run_pipeline(config(animal_folder, server, **values), tmp_path / "run", until="synthesize")
        assert len(server.chats) + len(other.chats) == 10
        assert server.chats and other.chats


def test_a_judge_that_proves_itself_makes_false_negatives_positives(
    server: FakeServer, animal_data: RetrievalDataset, tmp_path: Path
) -> None:
    # Every animal has a second document that answers its query too and that nobody judged.
    corpus = [tuple(row.values()) for row in animal_data.corpus.to_pylist()]
    habits = [(one[0][2:], one[2]) for one in corpus if one[0].startswith("d-")]
    corpus += [(f"f-{name}", "", f"It is known that {text}") for name, text in habits]
    write_beir_folder(
        RetrievalDataset.from_rows(
            "animals",
            corpus=corpus,
            queries=[tuple(row.values())[:2] for row in animal_data.queries.to_pylist()],
            qrels={
                split: [
                    (one["query_id"], one["doc_id"], 1)
                    for one in animal_data.judgements(split).to_pylist()
                ]
                for split in ("train", "test")
            },
        ),
        tmp_path / "data",
    )
    values = {
        "llm.queries": 2,
        "judge.enabled": True,
        "judge.mined_per_query": 3,
        "judge.specificity_to_drop": 0.3,
        "judge.specificity_to_relabel": 0.3,
        "judge.probe_ranks": [4, 30],
        "mining.select": [],
        "mining.near_duplicate": None,
    }
    server.rule = judge_of_keywords
    made = config(tmp_path / "data", server, **values)
    summaries = run_pipeline(made, tmp_path / "run", until="mix")
    verdicts = read_table(tmp_path / "run" / "pool" / "verdicts" / "judge.parquet").to_pylist()
    relabelled = {one["negative_id"] for one in verdicts if one["decision"] == "relabel"}
    assert relabelled and summaries["mix"]["relabelled"] > 0
    assert summaries["filter"]["judge"]["sentences"]
    instances = read_table(tmp_path / "run" / "mixture.parquet").to_pylist()
    added = {one["positive_id"] for one in instances if one["positive_id"].startswith("f-")}
    assert added
    assert not relabelled & {one for row in instances for one in row["negative_ids"]}
    asked = len(server.chats)
    (tmp_path / "run" / "pool" / "verdicts" / "judge.parquet").unlink()
    run_pipeline(made, tmp_path / "run", until="mix")
    assert len(server.chats) == asked


def judge_of_keywords(seen: Seen) -> Reply:
    """Judge by whether the document holds what the query asks for; write otherwise."""
    schema = json.dumps(seen.body.get("response_format", {}))
    if "evidence" not in schema:
        return answer(seen)
    user = seen.body["messages"][-1]["content"]
    habit = user.split("Which animal ", 1)[1].split("?", 1)[0]
    holds = user.count(habit) > 1
    said = {"evidence": habit if holds else "none", "grade": "answers" if holds else "no"}
    return Reply(body=completion(json.dumps(said)))


def test_positives_are_rewritten_beside_a_run(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    summary = rewrite_positives(config(animal_folder, server), tmp_path / "run")
    assert summary["asked"] == len(server.chats)
    lines = (tmp_path / "run" / "rewritten_positives.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == summary["written"] > 0
    assert {"query_id", "positive_id", "text"} <= set(json.loads(lines[0]))


def test_what_people_decide_outweighs_the_filters_and_is_mixed_anew(
    server: FakeServer, animal_folder: Path, tmp_path: Path
) -> None:
    made, output = config(animal_folder, server, **{"llm.queries": 2}), tmp_path / "run"
    run_pipeline(made, output, until="mix")
    used = read_table(output / "mixture.parquet").to_pylist()[0]["negative_ids"]
    reviews = tmp_path / "reviews.csv"
    reviews.write_text(f"negative_id,decision,reviewer\n{used[0]},drop,Ada\n")
    assert add_reviews(output, reviews) == (1, False)
    assert add_reviews(output, reviews) == (1, False)
    assert read_table(output / "pool" / "verdicts" / "review.parquet").num_rows == 1
    run_pipeline(made, output, until="mix")
    mixed = read_table(output / "mixture.parquet").to_pylist()
    assert used[0] not in {one for row in mixed for one in row["negative_ids"]}
    reviews.write_text("negative_id,decision,reviewer\nnobody,drop,Ada\n")
    with pytest.raises(InputError, match=r"reviews\.csv:2"):
        add_reviews(output, reviews)
    with pytest.raises(InputError, match="holds no run"):
        add_reviews(tmp_path / "nothing", reviews)
