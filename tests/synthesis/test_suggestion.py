from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.synthesis.material import TAGS
from syneg.synthesis.profile import load_profile
from syneg.synthesis.suggestion import suggest_profile

from .authors import said
from .test_material import MARKS

GOOD: dict[str, Any] = {
    "domain_name": ["Zoology: mammals", "Farming # and gardens", "Zoology: mammals", "Sea life"],
    "difficulty_level": ["Simple (children)", "Advanced (biologists)"],
    "style": "one sentence on an animal's 'habits'",
    "relevance": "the document says which animal has the habit: yes or no.",
    "answer": "- the name of the animal",
}


def test_an_answer_becomes_a_profile_to_edit(animal_data: RetrievalDataset, tmp_path: Path) -> None:
    suggestion = suggest_profile(animal_data)
    answer = said("```json\n" + json.dumps(GOOD) + "\n```")
    assert suggestion.next_request([answer]) is None
    text = suggestion.text([answer])
    assert text.startswith("# Proposed by a language model for animals")
    assert text.count("\n# ") >= 6
    path = tmp_path / "animals.yaml"
    path.write_text(text, encoding="utf-8")
    profile = load_profile(str(path))
    assert profile.domain_name == ("Zoology: mammals", "Farming # and gardens", "Sea life")
    assert profile.relevance == GOOD["relevance"]
    assert profile.answer == GOOD["answer"]
    assert set(profile.length.values()) == {1.0}


def test_training_queries_and_documents_are_shown_and_no_others(
    animal_data: RetrievalDataset,
) -> None:
    request = suggest_profile(animal_data, queries=50, documents=3).requests[0]
    assert request.user.count("<collection_query>") == 12
    assert request.user.count("<sample_document>") == 3
    assert "spins a web of silk" in request.user
    assert "Which animal finds its way by echo" not in request.user
    assert request == suggest_profile(animal_data, queries=50, documents=3).requests[0]
    assert request != suggest_profile(animal_data, queries=50, documents=3, seed=1).requests[0]


def test_a_corpus_alone_is_enough() -> None:
    data = RetrievalDataset.from_rows(
        "c", corpus=[("a", "", " "), ("b", "T", "x")], queries=[], qrels={}
    )
    request = suggest_profile(data).requests[0]
    assert request.user.count("<sample_document>") == 1
    assert "collection_query" not in request.user
    empty = RetrievalDataset.from_rows("c", corpus=[], queries=[], qrels={})
    with pytest.raises(InputError, match="corpus has no text"):
        suggest_profile(empty)


def test_documents_are_data() -> None:
    attack = " ".join(MARKS)
    data = RetrievalDataset.from_rows(
        "c",
        corpus=[("a", attack, attack)],
        queries=[("q", attack)],
        qrels={"train": [("q", "a", 1)]},
    )
    lowered = "".join(suggest_profile(data).requests[0].user.lower().split())
    for tag in TAGS:
        assert lowered.count(f"<{tag}>") == lowered.count(f"</{tag}>") <= 1


@pytest.mark.parametrize(
    ("change", "said_of_it"),
    [
        ({"domain_name": []}, "domain_name"),
        ({"relevance": ""}, "relevance"),
        ({"style": None}, "style"),
        ({"difficulty_level": [1, 2]}, "difficulty_level"),
    ],
)
def test_what_is_no_profile_is_asked_again_and_then_told(
    animal_data: RetrievalDataset, change: dict[str, Any], said_of_it: str
) -> None:
    suggestion = suggest_profile(animal_data)
    bad = said(json.dumps({**GOOD, **change}))
    assert suggestion.next_request([]) == suggestion.requests[0]
    assert suggestion.next_request([bad]) == suggestion.requests[1]
    assert suggestion.next_request([bad, bad]) is None
    with pytest.raises(InputError, match=said_of_it):
        suggestion.text([bad, bad])
    good = said(json.dumps(GOOD))
    assert suggestion.next_request([bad, good]) is None
    assert "Sea life" in suggestion.text([bad, good])


def test_a_name_with_line_breaks_stays_in_its_comment() -> None:
    data = RetrievalDataset.from_rows(
        "x\nstyle: evil", corpus=[("a", "", "b")], queries=[], qrels={}
    )
    text = suggest_profile(data).text([said(json.dumps(GOOD))])
    assert "\nstyle: evil" not in text
