from __future__ import annotations

import pytest

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.mining.bm25 import BM25Index


def texts(*documents: str) -> RetrievalDataset:
    return RetrievalDataset.from_rows(
        "texts",
        corpus=[(f"d{number}", "", text) for number, text in enumerate(documents)],
        queries=[],
        qrels={},
    )


def found(data: RetrievalDataset, query: str, language: str = "english") -> list[int]:
    rows, _ = BM25Index(data, language).search([query], data.corpus.num_rows)
    return [row for row in rows[0].tolist() if row >= 0]


def test_the_language_brings_its_stemmer_and_stop_words() -> None:
    german = texts("Die Häuser am Fluss", "Der Baum und der Wald")
    assert found(german, "ein Haus am Meer", "german") == [0]
    assert found(german, "die und der", "german") == []
    assert found(german, "die und der", "none") == [1, 0]
    assert found(german, "ein Haus", "none") == []


def test_signs_without_spaces_are_searched_one_by_one() -> None:
    chinese = texts("猫在睡觉", "狗在叫", "BM25 检索")
    assert found(chinese, "猫", "chinese") == [0]
    assert found(chinese, "bm25", "chinese") == [2]


def test_equal_scores_are_ordered_by_row_whatever_the_depth() -> None:
    data = texts(*["the cat purrs"] * 9, "a dog")
    index = BM25Index(data)
    whole, scores = index.search(["cat"], 10)
    assert whole[0].tolist() == [*range(9), -1]
    assert scores[0, 9] == 0
    for depth in (1, 4, 8):
        assert index.search(["cat"], depth)[0][0].tolist() == list(range(depth))


def test_nothing_is_found_in_nothing() -> None:
    assert found(texts("a", "the"), "cat") == []
    assert found(texts("the cat"), "") == []
    assert found(texts("the cat"), "the unheard-of") == []


def test_an_unknown_language_is_told() -> None:
    with pytest.raises(InputError, match="did you mean 'german'"):
        BM25Index(texts("x"), "germann")
