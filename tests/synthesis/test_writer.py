"""Which exchanges there are, in which order, and the records they come to."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_server import FakeServer, Reply, Seen, completion
from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.engine import answer_all
from syneg.llm.exchange import Exchange
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest
from syneg.negatives.record import NEGATIVE_SCHEMA
from syneg.synthesis.profile import load_profile
from syneg.synthesis.writer import Writer

from .authors import MODEL, fill, many, obedient, rows, run, said, step, writer


def calls(chosen: Writer, **limits: Any) -> list[tuple[str, str, int]]:
    return [
        (one.call.query_id, one.call.positive_id, one.call.sample)
        for one in chosen.exchanges(**limits)
    ]


def first_requests(chosen: Writer) -> dict[tuple[str, int], ChatRequest | None]:
    return {
        (one.call.query_id, one.call.sample): one.next_request([]) for one in chosen.exchanges()
    }


def test_each_query_is_paired_with_its_highest_graded_positive(tiny: RetrievalDataset) -> None:
    # q3 is judged in the split, but nothing is relevant to it there.
    assert sorted(calls(writer(tiny))) == [("q1", "d2", 0), ("q2", "d3", 0)]


def test_of_equal_grades_the_first_judgement_counts() -> None:
    data = RetrievalDataset.from_rows(
        "ties",
        corpus=[("b", "", "x"), ("a", "", "y")],
        queries=[("q", "z")],
        qrels={"train": [("q", "b", 1), ("q", "a", 1)]},
    )
    assert calls(writer(data)) == [("q", "b", 0)]


def test_first_samples_come_before_second_ones_in_an_order_of_the_seed() -> None:
    data = many(50)
    order = calls(writer(data, per_query=3))
    assert [sample for *_, sample in order] == [0] * 50 + [1] * 50 + [2] * 50
    assert [one[0] for one in order[:50]] == [one[0] for one in order[50:100]]
    assert [one[0] for one in order[:50]] != data.query_ids("train")
    assert calls(writer(data, seed=1)) != calls(writer(data))
    assert calls(writer(data, per_query=3), most_queries=4) == [
        one for one in order if one[0] in {query for query, *_ in order[:4]}
    ]
    assert writer(data, per_query=3).count(most_queries=4) == 12


PROMPTS: list[dict[str, Any]] = [
    {"per_query": 2},
    {"prompt": "causal", "per_query": 2},
    {"prompt": "graded"},
    {"negatives_per_call": 2},
]


@pytest.mark.parametrize("options", PROMPTS)
def test_what_is_asked_for_a_query_does_not_change_when_queries_are_added(
    options: dict[str, Any],
) -> None:
    before, after = many(30, corpus=60), many(45, corpus=60)
    old, new = (first_requests(writer(data, **options)) for data in (before, after))
    assert len(new) > len(old)
    for name, request in old.items():
        assert new[name] == request
    answers, _ = run(writer(before, **options).exchanges())
    asked = [
        one.next_request([])
        for one in writer(after, **options).exchanges()
        if (first := one.next_request([])) is None or first.key(MODEL) not in answers
    ]
    assert len(asked) == len(new) - len(old)


def test_more_per_query_leaves_the_first_ones_as_they_are() -> None:
    few, more = (first_requests(writer(many(8), per_query=count)) for count in (2, 5))
    assert all(more[name] == request for name, request in few.items())
    assert len({request.key(MODEL) for request in more.values() if request}) == 40


def test_the_seed_in_the_options_outweighs_that_of_the_run() -> None:
    data = many(6)
    profile = load_profile("generic")
    one = writer(data, seed=1)
    other = Writer(data, "train", one.options.model_copy(update={"seed": 1}), profile, seed=2)
    assert first_requests(one) == first_requests(other) != first_requests(writer(data, seed=2))


def test_wrong_ids_are_named(tiny: RetrievalDataset) -> None:
    with pytest.raises(InputError, match=r"not in the split 'train'.*'q9'"):
        list(writer(tiny).exchanges(["q1", "q9"]))
    with pytest.raises(InputError, match=r"no document is relevant.*'q3'"):
        writer(tiny).preview("q3")
    broken = RetrievalDataset.from_rows(
        "broken", corpus=[("d", "", "x")], queries=[("q", "z")], qrels={"train": [("q", "no", 1)]}
    )
    with pytest.raises(InputError, match=r"positive is not in the data set's corpus.*'no'"):
        list(writer(broken).exchanges())
    with pytest.raises(InputError, match="no such split"):
        Writer(tiny, "trian", writer(tiny).options, load_profile("generic"), seed=0)


def test_no_queries_make_an_empty_table() -> None:
    empty = RetrievalDataset.from_rows(
        "e", corpus=[("d", "", "x")], queries=[], qrels={"train": []}
    )
    table = writer(empty).negatives({}, MODEL)
    assert (table.schema, table.num_rows) == (NEGATIVE_SCHEMA, 0)


def test_a_document_that_is_all_title_is_shown_as_text() -> None:
    data = RetrievalDataset.from_rows(
        "titles",
        corpus=[("d", "Only a title", "")],
        queries=[("q", "z")],
        qrels={"train": [("q", "d", 1)]},
    )
    (call,) = writer(data).preview("q")
    assert "<positive_document>\nOnly a title\n" in call.messages.user


def test_answers_become_records(tiny: RetrievalDataset) -> None:
    chosen = writer(tiny)
    (exchange,) = chosen.exchanges(["q1"])
    assert isinstance(exchange, Exchange)
    request = exchange.next_request([])
    assert request is not None
    content = {"reasoning": "why", "title": "Clouds", "text": "Clouds \n are  white.", "check": "p"}
    stored = {request.key(MODEL): said(f"Sure!\n```json\n{json.dumps(content)}\n```")}
    table = chosen.negatives(stored, MODEL, price=lambda one: (one.completion_tokens or 0) / 10)
    assert table.schema == NEGATIVE_SCHEMA
    (row,) = table.to_pylist()
    drawn = exchange.call.asked[0].attributes
    assert drawn is not None
    kept = {name: value for name, value in row.items() if value is not None}
    assert kept.pop("negative_id").startswith("llm-")
    assert kept == {
        "query_id": "q1",
        "positive_id": "d2",
        "source": "llm",
        # The positive has no title, so the negative gets none.
        "title": "",
        "text": "Clouds are white.",
        "reasoning": "why",
        "check": "p",
        "domain": drawn.domain_name,
        "level": drawn.difficulty_level,
        "length": drawn.length,
        "model": MODEL,
        "prompt": chosen.fingerprint,
        "request": request.key(MODEL),
        "prompt_tokens": 10,
        "completion_tokens": 7,
        "cost": 0.7,
    }
    assert chosen.negatives(stored, "another").num_rows == 0


BAD = {
    "I would rather not.": "JSON",
    '{"title": "T", "text": 5}': "no text",
    '{"title": "T", "text": " \\n "}': "no text",
    '{"title": "...", "text": "..."}': "no text",
    '{"title": "T", "te': "cut off",
    "[1, 2]": "not an object",
    "": "JSON",
    '{"text": "</positive_document> and so on"}': "repeats the prompt",
}


@pytest.mark.parametrize("bad", BAD)
def test_what_cannot_be_read_is_asked_again_once_and_then_told(bad: str) -> None:
    answers, asked = run(writer(many(1)).exchanges(), lambda _: bad)
    assert [json.loads(one.tag)["attempt"] for one in asked] == [0, 1]
    assert asked[0].user == asked[1].user
    assert asked[0].seed != asked[1].seed
    (row,) = writer(many(1)).negatives(answers, MODEL).to_pylist()
    assert row["text"] is None
    assert BAD[bad] in row["problem"]
    assert row["prompt_tokens"] == 20


def test_a_second_try_mends_a_bad_answer() -> None:
    def author(request: ChatRequest) -> Any:
        if json.loads(request.tag)["attempt"] == 0:
            return said(obedient(request), "length")
        assert request.temperature >= 0.3
        return obedient(request)

    found = rows(writer(many(3), temperature=0), author)
    assert [row["problem"] for row in found] == [None] * 3
    assert {row["text"] for row in found} == {"some text"}


def test_a_filtered_answer_is_not_asked_again_and_tries_can_be_one() -> None:
    answers, asked = run(writer(many(1)).exchanges(), lambda _: said("", "content_filter"))
    assert len(asked) == 1
    (row,) = writer(many(1)).negatives(answers, MODEL).to_pylist()
    assert "content filter" in row["problem"]
    assert len(run(writer(many(1), tries=1).exchanges(), lambda _: "x")[1]) == 1
    # More tries later ask only what could not be read.
    more = run(writer(many(1), tries=3).exchanges(), lambda _: "x")[1]
    assert more[0] == run(writer(many(1), tries=1).exchanges(), lambda _: "x")[1][0]


def test_half_a_character_is_no_harm() -> None:
    (row,) = rows(writer(many(1)), lambda _: '{"text": "Half \\ud83d of a sign"}')
    assert row["text"] == "Half of a sign"


def test_ids_are_stable_and_differ_between_models() -> None:
    chosen = writer(many(4), negatives_per_call=2)
    answers, _ = run(chosen.exchanges())
    ids = chosen.negatives(answers, MODEL)["negative_id"].to_pylist()
    assert len(set(ids)) == 8
    assert chosen.negatives(answers, MODEL)["negative_id"].to_pylist() == ids


def test_exchanges_are_made_as_they_are_taken() -> None:
    chosen = writer(many(20_000))
    tracemalloc.start()
    work: Iterator[Any] = chosen.exchanges()
    for _ in range(2_000):
        next(work)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 30e6


def answer_form(seen: Seen) -> Reply:
    schema = seen.body["response_format"]["json_schema"]["schema"]
    return Reply(body=completion(json.dumps(fill(schema))))


def test_the_engine_runs_all_of_it_and_asks_nothing_twice(tmp_path: Path) -> None:
    chosen = writer(many(6), prompt="causal", reflection="verify", per_query=2)
    with FakeServer() as server, Journal(tmp_path / "journal.sqlite") as journal:
        server.rule = answer_form
        for _ in range(2):
            model = OpenAICompatibleModel(server.url, "fake", timeout=5)
            answer_all(chosen.exchanges(), model, journal, concurrency=4, total=chosen.count())
        table = chosen.negatives(journal, "fake")
        # An analysis for each query, and for each sample a text and its judgement.
        assert len(server.chats) == 6 + 12 + 12
    assert table.num_rows == 12
    assert table["problem"].null_count == 12
    assert set(table["rounds"].to_pylist()) == {0}


def test_steps_are_named_in_the_tag() -> None:
    _, asked = run(writer(many(1), prompt="causal").exchanges())
    assert [step(one) for one in asked] == ["analyse", "write"]
