from __future__ import annotations

import json
from pathlib import Path

import pytest

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatAnswer, ChatRequest
from syneg.negatives.record import NEGATIVE_SCHEMA
from syneg.synthesis.options import SynthesisOptions
from syneg.synthesis.profile import load_profile
from syneg.synthesis.prompt import Prompt
from syneg.synthesis.source import build_requests, negatives_from_journal, read_answer

PROFILE = load_profile("generic")
PROMPT = Prompt(PROFILE)


def requests_for(
    dataset: RetrievalDataset,
    *,
    seed: int = 0,
    query_ids: list[str] | None = None,
    **options: object,
) -> list[ChatRequest]:
    chosen = SynthesisOptions.model_validate(options)
    return build_requests(dataset, "train", PROMPT, chosen, PROFILE, seed=seed, query_ids=query_ids)


def tags(requests: list[ChatRequest]) -> list[dict[str, object]]:
    return [json.loads(request.tag) for request in requests]


def answer(text: str, finish: str = "stop") -> ChatAnswer:
    return ChatAnswer(text=text, finish=finish, prompt_tokens=10, completion_tokens=20, seconds=0.5)


def good(text: str = "Clouds are white.") -> str:
    return json.dumps({"reasoning": "why", "title": "Clouds", "text": text, "check": "pass: ok"})


def many(count: int) -> RetrievalDataset:
    return RetrievalDataset.from_rows(
        "many",
        corpus=[("d", "", "A text.")],
        queries=[(f"q{number}", f"query {number}") for number in range(count)],
        qrels={"train": [(f"q{number}", "d", 1) for number in range(count)]},
    )


def test_each_query_is_paired_with_its_highest_graded_positive(tiny: RetrievalDataset) -> None:
    pairs = {(tag["query_id"], tag["positive_id"]) for tag in tags(requests_for(tiny))}
    # q3 is judged in the split, but nothing is relevant to it there.
    assert pairs == {("q1", "d2"), ("q2", "d3")}


def test_of_equal_grades_the_first_judgement_counts() -> None:
    data = RetrievalDataset.from_rows(
        "ties",
        corpus=[("b", "", "x"), ("a", "", "y")],
        queries=[("q", "z")],
        qrels={"train": [("q", "b", 1), ("q", "a", 1)]},
    )
    assert tags(requests_for(data))[0]["positive_id"] == "b"


def test_requests_carry_the_options_and_the_texts(tiny: RetrievalDataset) -> None:
    request = requests_for(tiny, temperature=0.3, max_tokens=99, query_ids=["q2"])[0]
    assert (request.temperature, request.max_tokens) == (0.3, 99)
    assert request.schema == PROMPT.schema
    assert "why are leaves green" in request.user
    assert "chlorophyll" in request.user


def test_several_per_query_come_after_a_first_round_and_differ(tiny: RetrievalDataset) -> None:
    requests = requests_for(tiny, per_query=3)
    assert [tag["sample"] for tag in tags(requests)] == [0, 0, 1, 1, 2, 2]
    assert len({request.key("m") for request in requests}) == 6
    assert len({request.seed for request in requests}) == 6


def test_the_order_is_drawn_from_the_seed_and_not_that_of_the_file() -> None:
    data = many(50)

    def order(seed: int) -> list[object]:
        return [tag["query_id"] for tag in tags(requests_for(data, seed=seed))]

    assert order(0) == order(0)
    assert order(0) != order(1)
    assert order(0) != data.query_ids("train")


def test_a_request_does_not_depend_on_which_others_are_made() -> None:
    data = many(30)
    whole = {request.tag: request for request in requests_for(data)}
    for request in requests_for(data, query_ids=["q3", "q17"]):
        assert whole[request.tag] == request


def test_the_seed_in_the_options_outweighs_that_of_the_run(tiny: RetrievalDataset) -> None:
    assert requests_for(tiny, seed=1) != requests_for(tiny, seed=2)
    chosen = SynthesisOptions(seed=1)
    built = build_requests(tiny, "train", PROMPT, chosen, PROFILE, seed=2)
    assert built == requests_for(tiny, seed=1)


def test_a_query_that_is_not_in_the_split_is_refused(tiny: RetrievalDataset) -> None:
    with pytest.raises(InputError, match=r"not in the split 'train'.*'q9'"):
        requests_for(tiny, query_ids=["q1", "q9"])


def test_a_positive_that_is_not_in_the_corpus_is_refused() -> None:
    data = RetrievalDataset.from_rows(
        "broken", corpus=[], queries=[("q", "z")], qrels={"train": [("q", "gone", 1)]}
    )
    with pytest.raises(InputError, match=r"not in the corpus.*'gone'"):
        requests_for(data)


def test_a_document_that_is_all_title_is_shown_as_text() -> None:
    data = RetrievalDataset.from_rows(
        "titles",
        corpus=[("d", "Only a title", "")],
        queries=[("q", "z")],
        qrels={"train": [("q", "d", 1)]},
    )
    assert "<positive_document>\nOnly a title\n" in requests_for(data)[0].user


def test_stored_answers_become_records(tiny: RetrievalDataset, tmp_path: Path) -> None:
    requests = requests_for(tiny)
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.store(requests[0], "model-a", answer(good("Clouds \n are  white.")))
        journal.store(requests[1], "model-b", answer(good()))
        table = negatives_from_journal(
            requests, journal, "model-a", PROMPT, cost=lambda one: (one.completion_tokens or 0) / 10
        )
    assert table.schema == NEGATIVE_SCHEMA
    (row,) = table.to_pylist()
    tag = json.loads(requests[0].tag)
    assert row["query_id"] == tag["query_id"]
    assert row["positive_id"] == tag["positive_id"]
    assert row["source"] == "llm"
    assert row["doc_id"] is None
    assert row["text"] == "Clouds are white."
    assert (row["title"], row["reasoning"], row["check"]) == ("Clouds", "why", "pass: ok")
    assert row["domain"] in PROFILE.domain_name
    assert row["level"] in PROFILE.difficulty_level
    assert row["length"] in PROFILE.length
    assert (row["model"], row["prompt"]) == ("model-a", PROMPT.fingerprint)
    assert row["request"] == requests[0].key("model-a")
    assert (row["prompt_tokens"], row["completion_tokens"], row["cost"]) == (10, 20, 2.0)
    assert row["problem"] is None


def test_unusable_answers_are_kept_with_their_problem() -> None:
    requests = requests_for(many(6))
    answers = [
        answer("I would rather not."),
        answer(good(), finish="length"),
        answer(good("  \n ")),
        answer('{"title": "T", "text": 5}'),
        answer("", finish="content_filter"),
        answer(good("Half \ud83d of a sign")),
    ]
    stored = {request.key("m"): one for request, one in zip(requests, answers, strict=True)}
    table = negatives_from_journal(requests, stored, "m", PROMPT)
    rows = table.to_pylist()
    assert [row["text"] for row in rows] == [None] * 5 + ["Half of a sign"]
    assert all(row["problem"] for row in rows[:5])
    assert rows[5]["problem"] is None
    assert "JSON" in rows[0]["problem"]
    assert "cut off" in rows[1]["problem"]
    assert rows[2]["reasoning"] == "why"
    assert len(set(table["negative_id"].to_pylist())) == 6


def test_an_answer_around_which_the_model_chats_is_read() -> None:
    assert (
        read_answer(answer(f"Sure!\n```json\n{good('Fog is grey.')}\n```"))["text"]
        == "Fog is grey."
    )


def test_ids_are_stable_over_runs_and_differ_between_models() -> None:
    requests = requests_for(many(2))

    def ids(model: str) -> list[str]:
        stored = {request.key(model): answer(good()) for request in requests}
        found: list[str] = negatives_from_journal(requests, stored, model, PROMPT)[
            "negative_id"
        ].to_pylist()
        return found

    assert ids("a") == ids("a")
    assert not set(ids("a")) & set(ids("b"))
