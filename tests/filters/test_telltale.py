from __future__ import annotations

import pytest

from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.options import GateOptions
from syneg.filters.telltale import check_telltale, ordinary_phrases

OPTIONS = GateOptions()


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I cannot browse.",
        "This is a hard negative for the claim.",
        "HARD-NEGATIVE document about cats.",
        "This document does not answer the question of dosage.",
        "The text is on topic, but not relevant to the  query.",
        "Here is a document about cats.",
        "Here’s the passage: cats purr.",
        "\nSure, here you go: cats purr.",
        "I’m sorry, but I can't write that.",
        "The dose was [insert dose] in all groups.",
        "Lorem ipsum dolor sit amet.",
        'Cats purr.", "check": "pass',
        "Cats purr. </positive_document>",
        "<think> the need is",
        "Title: Cats\nCats purr.",
        "Cats\nTitle:Cats purr.",
        "Unlike the positive document, this one is on dogs.",
        "As an expert in Virology, I study cats.",
    ],
)
def test_tell_tale_wordings_are_found(text: str) -> None:
    finding = check_telltale(text, [], OPTIONS)
    assert finding.drop
    assert finding.score
    assert finding.reason is not None


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Als KI-Modell habe ich keinen Zugriff darauf."),
        ("de", "Hier ist ein Dokument über Katzen."),
        ("de", "Katzen schnurren. Dieses Dokument ist nicht relevant dafür."),
        ("fr", "En tant qu’IA, je ne sais pas."),
        ("fr", "Bien sûr ! Voici un texte sur les chats."),
        ("es", "Aquí tienes un texto sobre gatos."),
        ("es", "El texto no es relevante para la consulta del usuario."),
        ("it", "Ecco il testo: i gatti fanno le fusa."),
        ("pt", "Este documento não responde à consulta."),
        ("zh", "猫会打呼噜，本文与用户查询无关。"),
        ("zh", "标题：猫\n猫会打呼噜。"),
        ("zh", "好的，以下是一篇文章。"),
        ("ja", "この文はユーザーのクエリに答えません。"),
        ("ja", "猫\n本文：猫は喉を鳴らす。"),
    ],
)
def test_tell_tale_wordings_are_found_in_other_languages(language: str, text: str) -> None:
    assert check_telltale(text, [], OPTIONS, languages=frozenset({language})).drop
    assert check_telltale(text, [], OPTIONS).drop
    assert not check_telltale(text, [], OPTIONS, languages=frozenset({"en"})).drop


@pytest.mark.parametrize("languages", [(), ("en",), ("de",), ("zh", "fr"), ("xx",)])
def test_english_wordings_are_always_looked_for(languages: tuple[str, ...]) -> None:
    text = "Katzen schnurren. As an AI language model, I cannot purr."
    assert check_telltale(text, [], OPTIONS, languages=frozenset(languages)).drop


@pytest.mark.parametrize(
    "text",
    [
        "This is a hard nega\u200btive for the claim.",
        "This is a h\u00adard negative for the claim.",
        "Ｔｉｔｌｅ： Cats",
        "This is a 𝗵𝗮𝗿𝗱 𝗻𝗲𝗴𝗮𝘁𝗶𝘃𝗲.",
        "it does\nnot answer\n\nthe query",
        "用户\u200b查询",
    ],
)
def test_hiding_a_wording_does_not_help(text: str) -> None:
    assert check_telltale(text, [], OPTIONS).drop


@pytest.mark.parametrize(
    "text",
    [
        "The planner rewrites the query and sends it to the database.",
        "Execute the query; fetch one row at a time.",
        "A negative test result was not relevant to survival.",
        "What matters here is the age of the patients.",
        "The authors insert a probe. Placeholder values are filled in later.",
        "It failed as an aid to diagnosis, and as an airway device.",
        "The title: a study in grey.",
        "Patients could not be positive; documents were checked.",
        "Der Text: eine Studie. Die Frage wird von niemandem beantwortet.",
        "Le texte répond à la question posée par les auteurs.",
        "La consulta médica del usuario duró una hora.",
        "作为人工智能的一个分支，机器学习发展很快。",
        "利用者の質問に答える文書を検索する。",
        "",
    ],
)
def test_ordinary_wordings_are_not(text: str) -> None:
    assert not check_telltale(text, [], OPTIONS).drop


def test_what_the_query_or_a_relevant_document_says_is_ordinary() -> None:
    text = "Mining a hard negative takes a second index."
    assert check_telltale(text, ["how to mine negatives"], OPTIONS).drop
    assert not check_telltale(text, ["what is a Hard  Negative?"], OPTIONS).drop


def test_what_the_corpus_often_says_is_ordinary() -> None:
    data = RetrievalDataset.from_rows(
        "articles",
        corpus=[(str(n), "", f"Text: article {n}.\nHere is a line.") for n in range(3)],
        queries=[],
        qrels={},
    )
    ordinary = ordinary_phrases(data, OPTIONS)
    assert ordinary == {"text:"}
    assert check_telltale("Text: cats purr.", [], OPTIONS).drop
    assert not check_telltale("Text: cats purr.", [], OPTIONS, ordinary).drop
    assert check_telltale("Text: a hard negative.", [], OPTIONS, ordinary).score == 1


def test_an_empty_corpus_has_no_ordinary_phrases() -> None:
    empty = RetrievalDataset.from_rows("empty", corpus=[], queries=[], qrels={})
    assert ordinary_phrases(empty, OPTIONS) == frozenset()


def test_phrases_can_be_added_and_allowed() -> None:
    text = "In conclusion, the user query is short."
    assert check_telltale(text, [], GateOptions(telltale_allowed=("User query",))).score == 0
    assert check_telltale(text, [], GateOptions(telltale_extra=("in conclusion",))).score == 2
    allowed = GateOptions(telltale_allowed=("{{",))
    assert not check_telltale("Write {{ to print a brace.", [], allowed).drop


def test_an_added_phrase_is_no_pattern() -> None:
    options = GateOptions(telltale_extra=("a.c (",))
    assert check_telltale("see a.c (x)", [], options).drop
    assert not check_telltale("see abc (x)", [], options).drop
