from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syneg.encoders.contract import NotFiniteError
from syneg.encoders.encoder import Precision, SentenceEncoder, load_encoder
from syneg.encoders.loading import Pooling
from syneg.encoders.locate import packaged_minilm
from syneg.encoders.reading import TextReader
from syneg.errors import InputError

TEXTS = [
    "A cat purrs.",
    "",
    "   \n\t ",
    "Ein Hund bellt; 犬が吠える; كلب ينبح 🐕",
    "word " * 300,
    *(f"Sentence {number} " + "goes on " * (7 * number % 30) for number in range(12)),
]


@pytest.fixture
def plain_folder(tmp_path: Path) -> Path:
    """A model of Transformers: weights, configuration and tokenizer, without modules.json."""
    folder = tmp_path / "plain"
    shutil.copytree(packaged_minilm(), folder)
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        (folder / name).unlink()
    shutil.rmtree(folder / "1_Pooling")
    return folder


def direct(encoder: SentenceEncoder, texts: list[str]) -> np.ndarray:
    """What sentence-transformers itself gives."""
    vectors: np.ndarray = encoder.model.encode_document(texts, normalize_embeddings=True)
    return vectors


def test_grouping_by_tokens_gives_what_the_library_gives(minilm: SentenceEncoder) -> None:
    small = SentenceEncoder(minilm.model, fingerprint="", token_budget=100)
    expected = direct(minilm, TEXTS)
    for encoder in (minilm, small):
        np.testing.assert_allclose(encoder.encode_documents(TEXTS), expected, atol=2e-6)
    np.testing.assert_array_equal(minilm.encode_documents(TEXTS), minilm.encode_documents(TEXTS))


def test_no_texts_give_no_rows(minilm: SentenceEncoder) -> None:
    assert minilm.encode_queries([]).shape == (0, 384)
    assert minilm.count_too_long([]) == 0


def test_a_model_in_training_stays_in_training(minilm: SentenceEncoder) -> None:
    minilm.model.train()
    try:
        minilm.encode_queries(["a question"])
        assert minilm.model.training
    finally:
        minilm.model.eval()


_WORDS = st.sampled_from(
    ["cat", "epidemiology", "acetylcholinesterase", "a", "—", "3.14", " " * 400, "\n", "ß", "猫"]
)


@settings(max_examples=40)
@given(st.lists(_WORDS, max_size=300), st.sampled_from([1, 3, 40]), st.integers(8, 40))
def test_a_text_cut_early_is_read_as_the_whole_text_is(
    minilm: SentenceEncoder, words: list[str], times: int, limit: int
) -> None:
    text = " ".join(words * times)
    model = minilm.model
    before = model.max_seq_length
    model.max_seq_length = limit
    try:
        read = TextReader(model).read([text], task="document")
        whole = model.tokenizer([text], truncation=True, max_length=limit)
        assert read.features["input_ids"].tolist() == whole["input_ids"]
        tokens = model.tokenizer([text], truncation=False, verbose=False)["input_ids"][0]
        assert bool(read.truncated[0]) == (len(tokens) > limit)
    finally:
        model.max_seq_length = before


def test_a_document_of_megabytes_is_read_as_its_beginning(minilm: SentenceEncoder) -> None:
    sentences = "The virus spreads through the air in closed rooms, they say. " * 200_000
    unbroken = "x" * 1_000_000
    blanks = "before" + " " * 1_000_000 + "after"
    texts = [sentences, unbroken, blanks]
    vectors, too_long = minilm.encode_noting_length(texts, lambda count: None)
    np.testing.assert_allclose(
        vectors, direct(minilm, [sentences[:20_000], unbroken, "before after"]), atol=2e-6
    )
    assert too_long.tolist() == [True, False, False]
    assert minilm.count_too_long(texts) == 1


def test_half_a_character_is_read_as_one_that_is_unknown(minilm: SentenceEncoder) -> None:
    np.testing.assert_allclose(
        minilm.encode_documents(["a cat \ud83d purrs", "a dog"]),
        minilm.encode_documents(["a cat \ufffd purrs", "a dog"]),
        atol=2e-6,
    )


def test_bfloat16_is_near_float32_and_has_another_fingerprint(minilm: SentenceEncoder) -> None:
    fast = SentenceEncoder(minilm.model, fingerprint=minilm._files, precision=Precision.BFLOAT16)
    similarity = (fast.encode_documents(TEXTS) * minilm.encode_documents(TEXTS)).sum(axis=1)
    assert similarity.min() > 0.999
    assert fast.fingerprint != minilm.fingerprint


def test_prompts_are_put_before_queries_and_documents(minilm: SentenceEncoder) -> None:
    prompted = load_encoder("minilm", query_prompt="query: ", document_prompt="passage: ")
    for encoded, expected in (
        (prompted.encode_queries(["cats"]), minilm.encode_queries(["query: cats"])),
        (prompted.encode_documents(["cats"]), minilm.encode_documents(["passage: cats"])),
    ):
        np.testing.assert_allclose(encoded, expected, atol=2e-6)
    assert prompted.fingerprint != minilm.fingerprint


def test_the_models_own_prompts_are_kept(minilm: SentenceEncoder, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(packaged_minilm(), folder)
    (folder / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "ask ", "document": "tell "}}', encoding="utf-8"
    )
    encoder = load_encoder(str(folder))
    np.testing.assert_allclose(
        encoder.encode_documents(["cats"]), minilm.encode_documents(["tell cats"]), atol=2e-6
    )
    np.testing.assert_allclose(
        encoder.encode_queries(["cats"]), minilm.encode_queries(["ask cats"]), atol=2e-6
    )


def test_a_prompt_that_the_library_passes_over_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(packaged_minilm(), folder)
    (folder / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "ask ", "passage": "tell "}}', encoding="utf-8"
    )
    load_encoder(str(folder))
    assert "'passage'" in caplog.text
    caplog.clear()
    load_encoder(str(folder), document_prompt="")
    assert "'passage'" not in caplog.text


def test_vectors_cut_to_fewer_dimensions_have_length_one(minilm: SentenceEncoder) -> None:
    cut = load_encoder("minilm", dimensions=64)
    vectors = cut.encode_documents(TEXTS)
    whole = minilm.encode_documents(TEXTS)[:, :64]
    np.testing.assert_allclose(
        vectors, whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-5
    )
    assert cut.fingerprint != minilm.fingerprint
    assert cut.encode_queries([]).shape == (0, 64)


@pytest.mark.parametrize("dimensions", [0, -1, 385])
def test_dimensions_that_the_model_lacks_are_refused(dimensions: int) -> None:
    with pytest.raises(InputError, match=r"model\.dimensions.*384"):
        load_encoder("minilm", dimensions=dimensions)


def test_a_plain_model_pools_as_it_is_told(minilm: SentenceEncoder, plain_folder: Path) -> None:
    by_pooling = {
        pooling: load_encoder(str(plain_folder), max_length=256, pooling=pooling)
        for pooling in Pooling
    }
    unsaid = load_encoder(str(plain_folder), max_length=256)
    texts = TEXTS[:6]
    expected = minilm.encode_documents(texts)
    for encoder in (unsaid, by_pooling[Pooling.MEAN]):
        np.testing.assert_allclose(encoder.encode_documents(texts), expected, atol=2e-6)
    tokens = minilm.model.encode(texts, output_value="token_embeddings")
    for pooling, place in ((Pooling.CLS, 0), (Pooling.LAST, -1)):
        one = np.stack([text[place].numpy() for text in tokens])
        one /= np.linalg.norm(one, axis=1, keepdims=True)
        np.testing.assert_allclose(by_pooling[pooling].encode_documents(texts), one, atol=2e-6)
    fingerprints = {one.fingerprint for one in (unsaid, *by_pooling.values())}
    assert len(fingerprints) == 4


def test_a_model_that_states_its_pooling_takes_no_other() -> None:
    with pytest.raises(InputError, match=r"modules\.json"):
        load_encoder("minilm", pooling=Pooling.CLS)


def test_vectors_that_are_not_finite_are_refused_with_their_text() -> None:
    encoder = load_encoder("minilm")
    words = encoder.model[0].auto_model.embeddings.word_embeddings.weight
    words.data[encoder.model.tokenizer.convert_tokens_to_ids("poison")] = float("nan")
    assert np.isfinite(encoder.encode_documents(["harmless"])).all()
    with pytest.raises(NotFiniteError, match="some poison") as caught:
        encoder.encode_documents(["harmless", "some poison", "a longer text without it"])
    assert caught.value.places.tolist() == [1]
