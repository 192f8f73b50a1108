"""Training of the query side alone, with given negatives and with ADORE's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sentence_transformers import SentenceTransformer

from syneg.encoders.encoder import load_encoder
from syneg.encoders.locate import packaged_minilm
from syneg.errors import InputError
from syneg.training.fixed import FixedVectors, QuerySideLoss
from syneg.training.loss import NegativesLoss
from syneg.training.options import LossOptions, TrainingOptions
from syneg.training.query_side import make_two_sided, sides, two_sided
from training.retrieved import ANIMALS, DATA, retrieval, texts, tune

TEXTS = DATA.document_texts(range(DATA.corpus.num_rows))
QUERIES = DATA.query_texts(ANIMALS)


def unlike_the_start(model) -> float:
    """A development score that looks at the query side."""
    return -float(model.encode_query(QUERIES).sum())


def test_what_is_kept_loads_anywhere_tuned_for_queries_and_as_it_was_for_documents(
    tmp_path: Path,
) -> None:
    made = retrieval(tmp_path)
    _, result = tune(made, tmp_path, score=unlike_the_start, query_only=True, epochs=1)
    assert result.query_side_only
    start, plain = (
        SentenceTransformer(str(place), device="cpu")
        for place in (packaged_minilm(), tmp_path / "best")
    )
    before = load_encoder("minilm")
    np.testing.assert_array_equal(
        plain.encode_document(TEXTS, normalize_embeddings=True),
        start.encode_document(TEXTS, normalize_embeddings=True),
    )
    tuned = plain.encode_query(QUERIES, normalize_embeddings=True)
    assert np.abs(tuned - before.encode_queries(QUERIES)).max() > 1e-3
    kept = load_encoder(str(tmp_path / "best"))
    np.testing.assert_array_equal(kept.encode_documents(TEXTS), before.encode_documents(TEXTS))
    np.testing.assert_allclose(kept.encode_queries(QUERIES), tuned, atol=1e-5)
    assert kept.model.max_seq_length == 256
    card = (tmp_path / "best" / "README.md").read_text()
    assert "encode_query" in card and "index" in card


@pytest.mark.parametrize(
    "changes",
    [{}, {"lora_rank": 2, "learning_rate": 1e-2}, {"merge": 0.5}, {"refresh": "adore"}],
    ids=["plain", "adapters", "merged", "adore"],
)
def test_without_a_development_split_the_model_itself_has_two_sides(
    tmp_path: Path, small_model: str, changes: dict
) -> None:
    made = retrieval(tmp_path, model=small_model)
    options = {"query_only": True, "epochs": 1, "learning_rate": 1e-3, **changes}
    encoder, _ = tune(made, tmp_path, model=small_model, **options)
    before = load_encoder(small_model)
    np.testing.assert_array_equal(encoder.encode_documents(TEXTS), before.encode_documents(TEXTS))
    moved = np.abs(encoder.encode_queries(QUERIES) - before.encode_queries(QUERIES)).max()
    assert moved > 1e-4
    # What has two sides can be tuned further, on either plan.
    encoder.model.save_pretrained(str(tmp_path / "two"), create_model_card=False)
    again, _ = tune(
        made, tmp_path / "again", model=str(tmp_path / "two"), query_only=True, epochs=1
    )
    np.testing.assert_array_equal(again.encode_documents(TEXTS), before.encode_documents(TEXTS))
    both, _ = tune(made, tmp_path / "both", model=str(tmp_path / "two"), epochs=1)
    assert np.abs(both.encode_documents(TEXTS) - before.encode_documents(TEXTS)).max() > 1e-5


def test_stored_vectors_are_taken_as_they_are(tmp_path: Path, small_model: str) -> None:
    made = retrieval(tmp_path, model=small_model)
    starting, examples = load_encoder(small_model), texts(made)
    numbers = np.arange(len(examples.texts))
    used = numbers[~examples.queries]
    stored = FixedVectors(examples, starting, made.vectors).take(used)
    for number, vector in zip(used.tolist(), stored, strict=True):
        row = int(examples.documents[number])
        if row >= 0:
            assert TEXTS[row] == examples.texts[number]
            assert vector.tobytes() == made.vectors.take([row])[0].tobytes()
    encoded = FixedVectors(examples, starting).take(used)
    np.testing.assert_allclose(stored, encoded, atol=1e-5)
    with pytest.raises(ValueError, match="no positive and no negative"):
        FixedVectors(examples, starting).take(numbers)


def test_the_loss_is_that_of_all_texts_encoded_by_the_starting_model(
    tmp_path: Path, small_model: str
) -> None:
    made = retrieval(tmp_path, model=small_model)
    examples, encoder = texts(made), load_encoder(small_model)
    model, options = encoder.model.eval(), LossOptions(distillation=0.5)
    rows = examples.table.slice(0, 3).to_pylist()
    label = torch.tensor([row["label"] for row in rows])
    columns = [name for name in examples.table.column_names if name != "label"]
    features = [model.preprocess([row[name] for row in rows]) for name in columns]
    roles = examples.roles(encoder)
    whole = NegativesLoss(model, roles, options, 0.05)(features, label)
    fixed = QuerySideLoss(
        model,
        examples.roles(encoder, queries_only=True),
        options,
        0.05,
        FixedVectors(examples, encoder, made.vectors),
    )([model.preprocess([row["anchor"] for row in rows])], label)
    assert fixed.item() == pytest.approx(whole.item(), abs=1e-4)


def test_two_sides_share_what_they_are_made_of(small_model: str) -> None:
    queries, documents = (load_encoder(small_model).model for _ in range(2))
    with torch.no_grad():
        next(queries.parameters()).add_(1)
    both = two_sided(queries, documents)
    np.testing.assert_array_equal(both.encode_query(QUERIES), queries.encode(QUERIES))
    np.testing.assert_array_equal(both.encode_document(TEXTS), documents.encode(TEXTS))
    # Without a task a text is taken for a document.
    np.testing.assert_array_equal(both.encode(TEXTS), documents.encode(TEXTS))
    expected = queries.encode(QUERIES)
    make_two_sided(queries, documents)
    np.testing.assert_array_equal(queries.encode_query(QUERIES), expected)
    assert sides(queries)[1] == sides(both)[1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"query_only": True, "refresh": "ance"}, "take refresh: adore"),
        ({"refresh_negatives": 5}, "refresh_negatives is for refresh: adore"),
        ({"refresh": "adore", "loss": {"entropy_balance": 0.05}}, "entropy_balance"),
        ({"refresh_every": "often"}, "such as '1 epoch' or '500 steps'"),
        ({"refresh_every": "0 steps"}, "such as"),
        ({"loss": {"retrieved": "lambda", "applies_to": "hard"}}, "applies_to: hard"),
    ],
)
def test_options_that_contradict_each_other_are_told(options: dict, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TrainingOptions(**options)


def test_the_starting_model_must_be_there(tmp_path: Path, small_model: str) -> None:
    from syneg.progress import SilentProgress
    from syneg.training.trainer import train

    made = retrieval(tmp_path, model=small_model)
    model = load_encoder(small_model).model
    options = TrainingOptions(query_only=True)
    with pytest.raises(InputError, match="the starting model is needed"):
        train(model, texts(made), options, tmp_path, progress=SilentProgress())


def test_how_often_negatives_are_chosen_anew() -> None:
    for text, expected in (
        ("1 epoch", 7),
        (" 3  Epochs ".lower(), 21),
        ("1 step", 1),
        ("50 steps", 50),
    ):
        assert TrainingOptions(refresh="ance", refresh_every=text).refresh_steps(7) == expected
    assert TrainingOptions().refresh_steps(7) is None
