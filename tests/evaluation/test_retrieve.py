from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import SentenceEncoder, load_encoder
from syneg.errors import InputError
from syneg.evaluation.retrieve import corpus_vectors, retrieve
from syneg.progress import SilentProgress


def vectors_of(
    dataset: RetrievalDataset, encoder: SentenceEncoder, folder: Path
) -> tuple[list[str], np.ndarray]:
    store = corpus_vectors(dataset, dataset.fingerprint(), encoder, folder, SilentProgress())
    return [path.name for path in store.files], store.take(range(store.rows))


def test_models_and_corpora_do_not_share_vectors_that_differ(
    animal_data: RetrievalDataset, minilm: SentenceEncoder, tmp_path: Path
) -> None:
    smaller = replace(animal_data, corpus=animal_data.corpus.slice(3, 5))
    short = load_encoder("minilm", max_length=6)
    _, whole = vectors_of(animal_data, minilm, tmp_path)
    _, part = vectors_of(smaller, minilm, tmp_path)
    _, cut = vectors_of(animal_data, short, tmp_path)
    np.testing.assert_allclose(part, whole[3:8], atol=1e-6)
    assert np.abs(cut - whole).max() > 0.01
    assert {path.name for path in tmp_path.iterdir()} == {minilm.fingerprint, short.fingerprint}


def test_a_document_whose_vector_is_not_finite_is_named(tmp_path: Path) -> None:
    dataset = RetrievalDataset.from_rows(
        "poisoned",
        corpus=[("d1", "", "harmless"), ("d-bad", "Some", "poison"), ("d3", "", "also harmless")],
        queries=[("q1", "harm?")],
        qrels={"test": [("q1", "d1", 1)]},
    )
    encoder = load_encoder("minilm")
    words = encoder.model[0].auto_model.embeddings.word_embeddings.weight
    words.data[encoder.model.tokenizer.convert_tokens_to_ids("poison")] = float("nan")
    with pytest.raises(InputError, match=r"'document'.*'d-bad'"):
        corpus_vectors(dataset, "hash", encoder, tmp_path, SilentProgress())


def test_equal_scores_are_ranked_by_corpus_row() -> None:
    dataset = RetrievalDataset.from_rows(
        "same",
        corpus=[(f"d{number}", "", "the same text") for number in range(30)],
        queries=[("q", "which?")],
        qrels={"test": [("q", "d0", 1)]},
    )
    generator = np.random.default_rng(0)
    vectors = np.tile(generator.standard_normal((1, 384)).astype(np.float32), (30, 1))
    blocks = [(0, vectors[:7]), (7, vectors[7:8]), (8, vectors[8:])]
    query = generator.standard_normal((1, 384)).astype(np.float32)
    run = retrieve(dataset, ["q"], query, blocks, depth=10)
    assert run["doc_id"].to_pylist() == [f"d{number}" for number in range(10)]
    assert len(set(run["score"].to_pylist())) == 1


def test_only_a_document_that_is_the_query_itself_is_left_out() -> None:
    dataset = RetrievalDataset.from_rows(
        "duplicates",
        corpus=[("1", "", "who  purrs?"), ("2", "", "something else"), ("3", "", "who sings?")],
        queries=[("1", "who purrs?"), ("2", "who barks?"), ("3", "who sings?"), ("4", "who?")],
        qrels={},
    )
    vectors = np.eye(3, dtype=np.float32)
    asked = np.concatenate([vectors, vectors[:1]])
    run = retrieve(dataset, ["1", "2", "3", "4"], asked, [(0, vectors)], depth=3)
    found: dict[str, set[str]] = {}
    for row in run.to_pylist():
        found.setdefault(row["query_id"], set()).add(row["doc_id"])
    everything = {"1", "2", "3"}
    assert found == {"1": {"2", "3"}, "2": everything, "3": {"1", "2"}, "4": everything}
