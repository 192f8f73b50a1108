"""What is wrong with generated queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.synthesis.queries_checks import Drop, check_query, check_repetition, longest_run
from syneg.synthesis.queries_language import other_language
from syneg.synthesis.queries_options import QueryType

ENGLISH = (
    "Aspirin inhibits the enzyme cyclooxygenase, which is needed for the synthesis of "
    "prostaglandins, and for this reason it lowers fever in most of the patients."
)
GERMAN = "Die Katze schnurrt, wenn sie zufrieden ist, und schläft den größten Teil des Tages."
CHINESE = "阿司匹林抑制环氧合酶，这种酶是合成前列腺素所必需的，因此它能使大多数患者退烧。"


def found(text: str, kind: str = "question", document: str = ENGLISH) -> Drop | None:
    verdict = check_query(text, kind, "Aspirin and fever", document)
    return None if verdict is None else verdict.drop


@pytest.mark.parametrize(
    ("text", "kind", "document"),
    [
        ("How does aspirin reduce a high temperature?", "question", ENGLISH),
        ("aspirin cyclooxygenase", "keyword", ENGLISH),
        ("cyclooxygenase", "keyword", ENGLISH),
        ("Aspirin lowers a raised temperature.", "claim", ENGLISH),
        ("Effects of aspirin", "title-like", ENGLISH),
        ("Warum schnurren Katzen?", "question", GERMAN),
        ("阿司匹林为什么能降低体温？", "question", CHINESE),
        ("how do I open the document in a viewer", "question", "Open the document in a viewer."),
    ],
)
def test_good_queries(text: str, kind: str, document: str) -> None:
    assert check_query(text, kind, "", document) is None


@pytest.mark.parametrize("kind", list(QueryType))
def test_no_type_takes_nothing_or_a_whole_page(kind: QueryType) -> None:
    for text in ("...", "?", "word " * 60):
        assert found(text, kind) is Drop.LENGTH


def test_a_question_of_two_words_and_a_keyword_query_of_a_sentence() -> None:
    assert found("Aspirin fever?") is Drop.LENGTH
    assert found("how does it come that aspirin can lower a fever so fast", "keyword") is (
        Drop.LENGTH
    )


def test_copies() -> None:
    assert found("Inhibits the enzyme cyclooxygenase", "claim") is Drop.COPIED
    assert found("Is it needed for the synthesis of prostaglandins, and for this?") is Drop.COPIED
    assert found("Aspirin and fever", "title-like") is Drop.COPIED
    assert found("Aspirin and fever", "keyword") is None
    # A term or two stands in any document that answers.
    assert found("the enzyme cyclooxygenase", "title-like") is None
    assert found("抑制环氧合酶，这种酶是合成前列腺素所必需的吗", "question", CHINESE) is Drop.COPIED


@pytest.mark.parametrize(
    "text",
    [
        "What does the passage say about aspirin?",
        "According to the text, what lowers fever?",
        "What is the main finding of this study?",
        "What does the author's view of aspirin rest on?",
        "Worum geht es in diesem Text über Aspirin?",
        "本文说阿司匹林有什么作用？",
    ],
)
def test_queries_that_speak_of_their_document(text: str) -> None:
    assert found(text) is Drop.SELF_REFERENCE


def test_a_query_in_another_language() -> None:
    assert found("Wie wirkt das Aspirin auf die Enzyme?") is Drop.LANGUAGE
    assert found("阿司匹林为什么能退烧？") is Drop.LANGUAGE
    assert found("why does the cat purr and what is it for", "question", GERMAN) is Drop.LANGUAGE
    assert found("How does aspirin lower a fever?", "question", CHINESE) is Drop.LANGUAGE


def test_japanese_without_kana_is_no_other_language() -> None:
    assert (
        other_language("東京 人口 推移", "東京の人口は増えている。これはなぜでしょうか。") is None
    )
    assert other_language("", "The sky is blue.") is None
    assert other_language("2020?", "天空是蓝色的") is None


def test_the_same_query_for_two_documents_is_dropped_for_both() -> None:
    queries = [
        ("1", "a", "What lowers fever?"),
        ("2", "b", "what lowers fever"),
        ("3", "c", "What is aspirin?"),
        ("4", "c", "what is aspirin"),
        ("5", "d", "Known already?"),
        ("6", "e", "Only here?"),
    ]
    verdicts = check_repetition(queries, ["known, already"])
    assert {name: one.drop for name, one in verdicts.items()} == {
        "1": Drop.AMBIGUOUS,
        "2": Drop.AMBIGUOUS,
        "4": Drop.REPEATED,
        "5": Drop.KNOWN,
    }
    assert "b" in verdicts["1"].detail and "a" in verdicts["2"].detail


WORDS = st.lists(st.sampled_from("abc"), max_size=12)


@given(WORDS, WORDS)
def test_the_longest_run_is_the_longest(one: list[str], other: list[str]) -> None:
    runs = {
        tuple(one[start:end]) for start in range(len(one)) for end in range(start, len(one) + 1)
    }
    others = {
        tuple(other[start:end])
        for start in range(len(other))
        for end in range(start, len(other) + 1)
    }
    expected = max((len(run) for run in runs & others), default=0)
    assert longest_run(one, other) == expected
