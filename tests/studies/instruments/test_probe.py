from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from syneg.encoders.encoder import SentenceEncoder
from syneg.errors import InputError
from syneg.files import write_json
from syneg.studies.instruments.classifier import area_under_curve, cross_validate
from syneg.studies.instruments.probe import probe_vectors, shortcut_probe

ReadScifact = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def scifact(data_folder: Path) -> ReadScifact:
    def read(name: str) -> list[dict[str, Any]]:
        lines = (data_folder / "scifact" / f"{name}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in lines.splitlines()]

    return read


def titled(row: dict[str, Any]) -> str:
    return f"{row['title']} {row['text']}"


@pytest.mark.parametrize(
    ("name", "known", "tolerance"),
    # Eight draws of the corpus texts spread over 0.004, 0.004 and 0.027.
    [("synthetic", 0.987, 0.01), ("rewritten_positives", 0.995, 0.01), ("causal", 0.606, 0.05)],
)
def test_the_known_sets_are_as_recognisable_as_they_are_known_to_be(
    scifact: ReadScifact, name: str, known: float, tolerance: float
) -> None:
    rows = scifact(name)
    corpus = random.Random(0).sample(scifact("corpus"), len(rows))
    result = shortcut_probe(
        [titled(row) for row in rows],
        [titled(row) for row in corpus],
        [row["positive_id"] for row in rows],
    )
    assert result.auc == pytest.approx(known, abs=tolerance)
    assert result.low <= result.auc <= result.high
    assert result.high - result.low < 0.08
    assert len(result.generated_probability) == len(rows)
    assert len(result.telling["generated"]) == len(result.telling["corpus"]) == 12


def test_queries_that_share_a_positive_share_the_matter_of_their_texts(
    scifact: ReadScifact,
) -> None:
    rows = scifact("causal")
    generated = [titled(row) for row in rows]
    corpus = [titled(row) for row in random.Random(0).sample(scifact("corpus"), len(rows))]
    by_query = shortcut_probe(generated, corpus, [row["query_id"] for row in rows])
    by_positive = shortcut_probe(generated, corpus, [row["positive_id"] for row in rows])
    assert by_positive.auc < by_query.auc - 0.01


def test_embeddings_give_generated_texts_away_as_well(
    scifact: ReadScifact, minilm: SentenceEncoder
) -> None:
    rows = scifact("synthetic")[:100]
    corpus = random.Random(0).sample(scifact("corpus"), 100)
    result = probe_vectors(
        minilm.encode_documents([titled(row)[:400] for row in rows]),
        minilm.encode_documents([titled(row)[:400] for row in corpus]),
        [row["positive_id"] for row in rows],
    )
    assert result.auc > 0.75
    assert result.telling == {"generated": [], "corpus": []}


def test_what_is_known_of_a_query_does_not_help() -> None:
    # Within a query everything can be told by heart: its generated texts share one word, its
    # corpus texts another. Between queries nothing can be told.
    queries = range(40)
    generated = [f"w{query} common {number}" for query in queries for number in range(4)]
    corpus = [f"v{query} common {number}" for query in queries for number in range(4)]
    names = [f"q{query}" for query in queries for _ in range(4)]
    grouped = shortcut_probe(generated, corpus, names, names)
    assert abs(grouped.auc - 0.5) < 0.15
    alone = shortcut_probe(generated, corpus, [f"{place}" for place in range(160)])
    assert alone.auc > 0.95


def test_a_repeated_corpus_text_counts_once() -> None:
    generated = [f"one fine text {number}" for number in range(20)]
    corpus = [f"another fine text {number % 10}" for number in range(40)]
    groups = [f"q{number}" for number in range(20)]
    assert shortcut_probe(generated, corpus, groups).corpus_texts == 10
    vectors = np.eye(20, dtype=np.float32)
    repeated = np.concatenate([vectors[:10], vectors[:10]])
    assert probe_vectors(vectors, repeated, groups).corpus_texts == 10


def test_the_same_seed_gives_the_same_result_and_another_does_not() -> None:
    generator = random.Random(3)
    words = [f"w{number}" for number in range(50)]
    texts = [" ".join(generator.sample(words, 12)) for _ in range(80)]
    groups = [f"q{number}" for number in range(40)]
    first = shortcut_probe(texts[:40], texts[40:], groups)
    again = shortcut_probe(texts[:40], texts[40:], groups)
    other = shortcut_probe(texts[:40], texts[40:], groups, seed=1)
    assert first.auc == again.auc
    assert (first.low, first.high) == (again.low, again.high)
    assert (first.generated_probability == again.generated_probability).all()
    assert (first.generated_probability != other.generated_probability).any()


def test_only_the_first_words_are_read() -> None:
    filler = "the same old words"
    generated = [f"{filler} {number} generated" for number in range(10)]
    corpus = [f"{filler} {number + 10} found" for number in range(10)]
    groups = [f"q{number}" for number in range(10)]
    assert shortcut_probe(generated, corpus, groups).auc == 1.0
    told = shortcut_probe(generated, corpus, groups, words=4).telling
    assert not any("generated" in word for word, _ in told["generated"])


def test_the_words_of_a_direction_speak_for_it() -> None:
    groups = [f"q{number}" for number in range(10)]
    result = shortcut_probe(["a b"] * 10, [f"a c {number}" for number in range(10)], groups)
    generated, corpus = dict(result.telling["generated"]), dict(result.telling["corpus"])
    assert {"b", "a b"} <= generated.keys()
    assert {"c", "a c"} <= corpus.keys()
    assert not generated.keys() & corpus.keys()


def test_chinese_has_words_too() -> None:
    groups = [f"q{number}" for number in range(10)]
    found = [f"我们测量了样品 {number}" for number in range(10)]
    assert shortcut_probe(["总而言之这很重要"] * 10, found, groups).auc == 1.0


def test_the_summary_can_be_written(tmp_path: Path) -> None:
    groups = [f"q{number}" for number in range(10)]
    result = shortcut_probe(["a b"] * 10, [f"a c {number}" for number in range(10)], groups)
    write_json(tmp_path / "probe.json", result.summary())
    assert result.summary()["generated_texts"] == result.summary()["corpus_texts"] == 10


def test_too_few_queries_are_named() -> None:
    with pytest.raises(InputError, match="only 3 queries of one kind for 5 folds"):
        shortcut_probe(["a b"] * 6, ["a c", "a d", "a e", "a f", "a g"], list("112233"))


def test_texts_without_common_words_are_named() -> None:
    with pytest.raises(InputError, match="no two texts share a word"):
        shortcut_probe(["a", "b"], ["c", "d"], ["q1", "q2"], folds=2)


def test_a_group_for_each_text_is_needed() -> None:
    with pytest.raises(ValueError, match="2 and 1 texts, but 1 and 1 groups"):
        shortcut_probe(["a", "a"], ["b"], ["q1"])
    with pytest.raises(ValueError, match="1 and 2 texts, but 1 and 3 groups"):
        probe_vectors(np.ones((1, 2)), np.eye(2), ["q1"], ["q1", "q1", "q1"])


VALUES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30)


@given(VALUES, VALUES)
def test_area_under_curve_is_that_of_scikit_learn(
    positive: list[float], negative: list[float]
) -> None:
    labels = [1] * len(positive) + [0] * len(negative)
    expected = roc_auc_score(labels, positive + negative)
    assert area_under_curve(np.array(positive), np.array(negative)) == pytest.approx(expected)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=60),
    st.integers(2, 5),
    st.integers(0, 99),
)
def test_every_text_is_judged_or_the_reason_is_told(
    rows: list[tuple[int, bool]], folds: int, seed: int
) -> None:
    groups = np.array([group for group, _ in rows])
    labels = np.array([int(label) for _, label in rows])
    features = np.arange(2.0 * len(rows)).reshape(-1, 2) % 7
    try:
        probability, weights = cross_validate(
            features, labels, groups, strength=1.0, folds=folds, seed=seed
        )
    except InputError as error:
        assert "folds" in str(error) or "fold has" in str(error)
        return
    assert ((probability >= 0) & (probability <= 1)).all()
    assert weights.shape == (2,)
