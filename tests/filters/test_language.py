from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.gates import Finding
from syneg.filters.language import (
    CollectionLanguage,
    Detector,
    check_language,
    collection_language,
    language_detector,
)
from syneg.filters.options import GateOptions
from syneg.filters.run import judge_synthetic
from syneg.filters.scripts import main_script
from syneg.filters.words import words
from syneg.negatives.record import Negative, to_table

OPTIONS = GateOptions()
TEXTS = {
    "en": "Molecules of the air scatter sunlight most at short wavelengths. An observer on the "
    "ground therefore receives more blue light than red light from all parts of the sky.",
    "de": "Die Moleküle der Luft streuen das Sonnenlicht bei kurzen Wellenlängen am stärksten. "
    "Wer am Boden steht, empfängt deshalb aus allen Richtungen mehr blaues Licht als rotes.",
    "es": "Las moléculas del aire dispersan la luz del sol sobre todo en las ondas cortas. Por eso "
    "un observador en el suelo recibe de todo el cielo más luz azul que luz roja.",
    "ru": "Молекулы воздуха сильнее всего рассеивают солнечный свет на коротких волнах. Поэтому "
    "наблюдатель на земле получает со всех сторон неба больше синего света, чем красного света.",
    "zh": "空气中的分子对太阳光的散射在短波长处最强，因此地面上的观察者从天空各个方向接收到的"
    "蓝光多于红光。",
}
LATIN = CollectionLanguage(frozenset({"Latin"}))


def collection(*languages: str) -> RetrievalDataset:
    rows = [
        (f"{name}{number}", "", f"{TEXTS[name]} {TEXTS[name]}")
        for number in range(10)
        for name in languages
    ]
    return RetrievalDataset.from_rows(
        "several",
        corpus=rows,
        queries=[("q", "why is the sky blue")],
        qrels={"train": [("q", rows[0][0], 1)]},
    )


def judged(
    text: str, positive: str, known: CollectionLanguage, detect: Detector | None = None
) -> Finding:
    return check_language(text, words(text), positive, known, OPTIONS, detect)


@pytest.fixture(scope="module")
def detect() -> Detector:
    pytest.importorskip("py3langid")
    found = language_detector()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "script"),
    [
        (TEXTS["en"], "Latin"),
        (TEXTS["de"], "Latin"),
        (TEXTS["ru"], "Cyrillic"),
        (TEXTS["zh"], "Han"),
        ("空気の分子は光を散らす", "Japanese"),
        ("하늘은 왜 파란가", "Hangul"),
        ("السماء زرقاء", "Arabic"),
        ("\u202eהשמיים כחולים", "Hebrew"),
        ("आसमान नीला है", "Devanagari"),
        ("Ｓｋｙ", "Latin"),
        ("TNFα and IL-1β levels in the blood", "Latin"),
        ("sky небо sky небо", None),
        ("🙂🙂 42 %", None),
        ("\ud800", None),
        ("", None),
    ],
)
def test_scripts_are_told_apart(text: str, script: str | None) -> None:
    assert main_script(text) == script


@given(st.text())
def test_any_text_has_one_script_or_none(text: str) -> None:
    assert main_script(text) is None or isinstance(main_script(text), str)
    assert not judged(text, TEXTS["en"], CollectionLanguage()).drop or main_script(text)


def test_another_script_is_dropped_without_any_package() -> None:
    finding = judged(TEXTS["ru"], TEXTS["en"], LATIN)
    assert (finding.drop, finding.score) == (True, 1.0)
    assert finding.reason == "its script is Cyrillic, not Latin"
    assert not judged(TEXTS["en"], TEXTS["en"], LATIN).drop
    assert not judged(TEXTS["de"], TEXTS["en"], LATIN).drop


@pytest.mark.parametrize(
    "text", ["Небо", TEXTS["ru"][:60], "", "🙂" * 50, f"{TEXTS['ru']}{TEXTS['en']}"]
)
def test_short_and_mixed_texts_are_not_judged(text: str) -> None:
    assert not judged(text, TEXTS["en"], LATIN).drop


def test_a_positive_in_another_script_allows_it() -> None:
    assert not judged(TEXTS["ru"], TEXTS["ru"], LATIN).drop
    both = CollectionLanguage(frozenset({"Latin", "Cyrillic"}))
    # In a collection of both, the text's must be its positive's.
    assert judged(TEXTS["ru"], TEXTS["en"], both).drop
    assert judged(TEXTS["en"], TEXTS["ru"], both).drop


def test_an_empty_collection_has_no_language() -> None:
    empty = RetrievalDataset.from_rows("empty", corpus=[], queries=[], qrels={})
    assert collection_language(empty, OPTIONS, None) == CollectionLanguage()


def test_languages_that_are_given_are_believed() -> None:
    found = collection_language(collection("en"), GateOptions(languages=("en", "de")), None)
    assert found.languages == {"en", "de"}
    assert not found.familiar


def test_the_gate_runs_without_any_package_and_with_it() -> None:
    negatives = to_table(
        [
            Negative(
                negative_id=name, query_id="q", positive_id="en0", source="llm",
                text=f"{TEXTS[name]} {TEXTS[name]}",
            )
            for name in ("en", "ru")
        ]
    )  # fmt: skip
    verdicts = judge_synthetic(negatives, collection("en"), GateOptions(gates=("language",)))
    rows = verdicts.to_pylist()
    decisions = {one["negative_id"]: one["decision"] for one in rows if one["filter"] == "language"}
    assert decisions == {"en": "keep", "ru": "drop"}


@pytest.mark.parametrize("language", ["en", "de", "es", "ru", "zh"])
def test_the_language_of_a_collection_is_found(language: str, detect: Detector) -> None:
    found = collection_language(collection(language), OPTIONS, detect)
    assert found.languages == {language}
    for other, text in TEXTS.items():
        finding = judged(text, TEXTS[language], found, detect)
        assert finding.drop is (other != language), (other, finding)
        if finding.drop:
            assert finding.score is not None and finding.score >= 0.95


def test_in_a_collection_of_several_the_positive_decides(detect: Detector) -> None:
    found = collection_language(collection("en", "de"), OPTIONS, detect)
    assert found.languages == {"en", "de"}
    assert not judged(TEXTS["de"], TEXTS["de"], found, detect).drop
    assert judged(TEXTS["de"], TEXTS["en"], found, detect).reason == "its language is 'de', not en"
    assert judged(TEXTS["es"], TEXTS["en"], found, detect).drop


def test_half_a_surrogate_pair_can_be_read(detect: Detector) -> None:
    english = collection_language(collection("en"), OPTIONS, detect)
    assert judged("\ud800 ".join(TEXTS["de"].split(" ")), TEXTS["en"], english, detect).drop
