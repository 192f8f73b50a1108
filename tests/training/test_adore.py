"""Negatives that are retrieved at each step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from syneg.encoders.encoder import load_encoder
from syneg.training.adore import StepRetriever, number_documents
from syneg.training.options import TrainingOptions
from training.retrieved import ANIMALS, DATA, StopsAt, near, refused, retrieval, texts, tune

IDS = DATA.corpus["id"].to_pylist()
QUERIES = DATA.query_texts(ANIMALS)


def retriever(made, **options):
    examples, numbers = number_documents(texts(made), DATA)
    chosen = TrainingOptions(refresh="adore", **options)
    return examples, StepRetriever(examples, numbers, made, chosen, seed=3)


def named(examples, numbers: np.ndarray) -> list[str]:
    """Return the ids of retrieved documents."""
    count = len(examples.texts)
    rows = [
        int(examples.documents[one]) if one < count else one - count for one in numbers.tolist()
    ]
    return [IDS[row] for row in rows]


def test_each_step_takes_the_nearest_documents_of_its_queries(tmp_path: Path) -> None:
    made = retrieval(tmp_path, refused=refused(("dog", "sleeps-dog")))
    examples, retrieve = retriever(made)
    label = np.array(examples.table["label"].to_pylist())
    encoder = load_encoder("minilm")
    batch = retrieve(label, encoder.encode_queries(QUERIES), 0)
    scores = near(encoder)
    assert batch.texts[: len(label)].tolist() == label[:, 1].tolist()
    for place, name in enumerate(ANIMALS):
        own = batch.texts[batch.owners == place]
        assert own[:2].tolist() == label[place, 1:3].tolist()  # The synthetic one stays.
        gone = {f"eats-{name}"} | ({"copy", "shouted"} if name == "cat" else set())
        gone |= {"sleeps-dog"} if name == "dog" else set()
        ranked = [IDS[row] for row in np.argsort(-scores[place]) if IDS[row] not in gone]
        assert named(examples, own[2:]) == ranked[:2]
    seen = retrieve.read_observed()
    assert seen["retrieved_missing"] == 0 and seen["retrieved_rank"] >= 2
    # Other vectors, other negatives.
    turned = np.roll(encoder.encode_queries(QUERIES), 3, axis=0)
    other = retrieve(label, turned, 0)
    assert other.texts.tolist() != batch.texts.tolist()


def test_rules_and_the_number_of_negatives_hold_at_each_step(tmp_path: Path) -> None:
    made = retrieval(tmp_path, "perc-pos:0.6")
    examples, retrieve = retriever(made, refresh_negatives=5)
    label = np.array(examples.table["label"].to_pylist())
    encoder = load_encoder("minilm")
    batch = retrieve(label, encoder.encode_queries(QUERIES), 0)
    scores, column = near(encoder), {one: place for place, one in enumerate(IDS)}
    for place, name in enumerate(ANIMALS):
        found = named(examples, batch.texts[batch.owners == place][2:])
        assert len(set(found)) == len(found) == 5
        most = 0.6 * scores[place, column[f"eats-{name}"]]
        assert all(scores[place, column[one]] <= most + 1e-6 for one in found)
    # What the rules leave too little of is filled up with the mixture's own.
    strict = retrieval(tmp_path, "perc-pos:0.0001")
    examples, retrieve = retriever(strict)
    batch = retrieve(label, encoder.encode_queries(QUERIES), 0)
    assert all((batch.owners == place).sum() == 4 for place in range(len(ANIMALS)))
    assert retrieve.read_observed()["retrieved_missing"] > 0


def test_a_rule_that_draws_draws_by_seed_and_step(tmp_path: Path, small_model: str) -> None:
    made = retrieval(tmp_path, "random:20", model=small_model)
    examples, retrieve = retriever(made)
    label = np.array(examples.table["label"].to_pylist())
    vectors = load_encoder(small_model).encode_queries(QUERIES)
    first, again, later = (retrieve(label, vectors, step).texts.tolist() for step in (0, 0, 1))
    assert first == again != later


def test_adore_goes_on_after_a_stop_as_if_there_had_been_none(
    tmp_path: Path, small_model: str
) -> None:
    made = retrieval(tmp_path, "perc-pos:0.95", model=small_model)
    options = {
        "refresh": "adore", "epochs": 3, "learning_rate": 1e-3, "model": small_model,
        "loss": {"retrieved": "lambda"}, "refresh_negatives": 8,
    }  # fmt: skip
    whole, result = tune(made, tmp_path / "whole", **options)
    assert any("retrieved_rank" in one for one in result.observed)
    options["checkpoint_seconds"] = 0
    with pytest.raises(InterruptedError):
        tune(made, tmp_path / "cut", progress=StopsAt("train", 4), **options)
    resumed, _ = tune(made, tmp_path / "cut", **options)
    np.testing.assert_allclose(near(resumed), near(whole), atol=1e-5)
