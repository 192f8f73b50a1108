from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from syneg.encoders import store
from syneg.encoders.contract import Vectors
from syneg.encoders.encoder import SentenceEncoder, load_encoder
from syneg.encoders.store import VectorStore, encode_corpus
from syneg.errors import InputError
from syneg.progress import SilentProgress

TEXTS = [f"Sentence {number} " + "longer " * (number % 7) for number in range(40)]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHARD_ROWS", 16)


class Listening:
    """The real encoder, and the documents that it was given."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.encoder = encoder
        self.fingerprint = encoder.fingerprint
        self.heard: list[str] = []

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encoder.encode_queries(texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        self.heard.extend(texts)
        return self.encoder.encode_documents(texts)

    def count_too_long(self, texts: Sequence[str]) -> int:
        return self.encoder.count_too_long(texts)


@pytest.fixture
def listening(minilm: SentenceEncoder) -> Listening:
    return Listening(minilm)


def given(texts: list[str]) -> Callable[[Sequence[int]], list[str]]:
    return lambda rows: [texts[row] for row in rows]


def encode(encoder: Listening | SentenceEncoder, texts: list[str], folder: Path) -> VectorStore:
    return encode_corpus(encoder, given(texts), len(texts), folder, SilentProgress())


def whole(found: VectorStore) -> np.ndarray:
    return np.concatenate([block for _, block in found.blocks()])


def shards(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}


def test_rows_keep_their_order(tmp_path: Path, minilm: SentenceEncoder) -> None:
    found = encode(minilm, TEXTS, tmp_path)
    one_by_one = np.concatenate([minilm.encode_documents([text]) for text in TEXTS])
    np.testing.assert_allclose(whole(found), one_by_one, atol=1e-5)
    np.testing.assert_allclose(found.take([39, 0, 17, 0]), one_by_one[[39, 0, 17, 0]], atol=1e-5)
    assert (found.rows, found.dimensions, len(found.files)) == (40, 384, 3)
    assert found.take([]).shape == (0, 384)


def test_an_empty_corpus_has_no_vectors(tmp_path: Path, minilm: SentenceEncoder) -> None:
    found = encode(minilm, [], tmp_path)
    assert found.rows == found.too_long == found.dimensions == 0
    assert list(found.blocks()) == []


def test_what_is_encoded_is_not_encoded_again(tmp_path: Path, listening: Listening) -> None:
    before = encode(listening, TEXTS, tmp_path)
    listening.heard.clear()
    after = encode(listening, TEXTS, tmp_path)
    assert listening.heard == []
    np.testing.assert_array_equal(whole(after), whole(before))


@pytest.mark.parametrize("damage", ["truncated", "one bit", "side file", "text hashes", "gone"])
def test_a_damaged_shard_is_made_again_and_the_others_are_not(
    tmp_path: Path, listening: Listening, damage: str
) -> None:
    found = encode(listening, TEXTS, tmp_path)
    before, made = whole(found), shards(tmp_path)
    listening.heard.clear()
    path = found.files[1]
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "one bit":
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content)
    elif damage == "side file":
        path.with_suffix(".json").write_text("{", encoding="utf-8")
    elif damage == "text hashes":
        path.with_suffix(".texts.npy").write_bytes(b"")
    else:
        path.unlink()
    after = encode(listening, TEXTS, tmp_path)
    assert sorted(listening.heard) == sorted(TEXTS[16:32])
    np.testing.assert_allclose(whole(after), before, atol=1e-6)
    changed = {name for name, stamp in shards(tmp_path).items() if stamp != made.get(name)}
    assert changed == {path.name, path.with_suffix(".texts.npy").name}


def test_of_a_corpus_that_grew_only_new_texts_are_encoded(
    tmp_path: Path, listening: Listening, minilm: SentenceEncoder
) -> None:
    encode(listening, TEXTS, tmp_path)
    listening.heard.clear()
    grown = ["A new first document.", *TEXTS[:10], "Another, " * 300, *TEXTS[10:]]
    found = encode(listening, grown, tmp_path)
    assert sorted(listening.heard) == sorted([grown[0], grown[11]])
    np.testing.assert_allclose(whole(found), minilm.encode_documents(grown), atol=1e-5)
    assert found.too_long == 1


def test_identical_documents_have_identical_vectors(tmp_path: Path, listening: Listening) -> None:
    found = encode(listening, ["the same text"] * 40, tmp_path)
    assert len(whole(found)) == 40
    np.testing.assert_allclose(whole(found), np.tile(whole(found)[:1], (40, 1)), atol=1e-6)


def test_with_a_name_the_texts_are_not_read_again(tmp_path: Path, minilm: SentenceEncoder) -> None:
    first = encode_corpus(
        minilm, given(TEXTS), len(TEXTS), tmp_path, SilentProgress(), name="corpus"
    )

    def refuse(rows: Sequence[int]) -> list[str]:
        raise AssertionError("the texts were read")

    again = encode_corpus(minilm, refuse, len(TEXTS), tmp_path, SilentProgress(), name="corpus")
    assert again.files == first.files
    # A damaged list is no obstacle.
    (tmp_path / "corpora" / "corpus.json").write_text('{"rows":', encoding="utf-8")
    third = encode_corpus(
        minilm, given(TEXTS), len(TEXTS), tmp_path, SilentProgress(), name="corpus"
    )
    assert third.files == first.files


def test_long_texts_are_counted(tmp_path: Path, minilm: SentenceEncoder) -> None:
    assert encode(minilm, ["short", "long " * 5000], tmp_path).too_long == 1


def test_a_vector_that_is_not_finite_names_the_document(tmp_path: Path) -> None:
    encoder = load_encoder("minilm")
    words = encoder.model[0].auto_model.embeddings.word_embeddings.weight
    words.data[encoder.model.tokenizer.convert_tokens_to_ids("poison")] = float("nan")
    texts = [*TEXTS, "some poison"]
    with pytest.raises(InputError, match=r"not finite.*document number 40"):
        encode_corpus(
            encoder,
            given(texts),
            len(texts),
            tmp_path,
            SilentProgress(),
            id_of=lambda row: f"document number {row}",
        )
    # What was encoded before is kept.
    listening = Listening(encoder)
    encode(listening, TEXTS[:32], tmp_path)
    assert listening.heard == []


_ENCODE = """
import sys
from pathlib import Path
from syneg.encoders import store
from syneg.encoders.encoder import load_encoder
from syneg.progress import SilentProgress
store.SHARD_ROWS = 8
texts = [f"Text number {n} " + "word " * 30 for n in range(96)]
store.encode_corpus(load_encoder("minilm"), lambda rows: [texts[r] for r in rows], 96,
                    Path(sys.argv[1]), SilentProgress())
"""


def test_a_killed_encoding_leaves_only_whole_shards(
    tmp_path: Path, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SHARD_ROWS", 8)
    process = subprocess.Popen([sys.executable, "-c", _ENCODE, str(tmp_path)])
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path.stem: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert 3 <= len(finished) < 12
    texts = [f"Text number {number} " + "word " * 30 for number in range(96)]
    found = encode(listening, texts, tmp_path)
    assert len(listening.heard) == 96 - 8 * len(finished)
    assert len(found.files) == 12
    for stem, stamp in finished.items():
        assert (tmp_path / f"{stem}.json").stat().st_mtime_ns == stamp
