from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from syneg.encoders import store
from syneg.encoders.encoder import SentenceEncoder
from syneg.encoders.store import encode_corpus
from syneg.progress import SilentProgress

TEXTS = [f"Sentence {number} " + "is a little longer " * (number % 7) for number in range(40)]


def texts_of(rows: Sequence[int]) -> list[str]:
    return [TEXTS[row] for row in rows]


def whole(found: store.VectorStore) -> np.ndarray:
    return np.concatenate([block for _, block in found.blocks()])


def test_rows_keep_their_order(tmp_path: Path, minilm: SentenceEncoder, monkeypatch) -> None:
    monkeypatch.setattr(store, "SHARD_ROWS", 16)
    found = encode_corpus(minilm, texts_of, len(TEXTS), tmp_path, SilentProgress())
    one_by_one = np.concatenate([minilm.encode_documents([text]) for text in TEXTS])
    np.testing.assert_allclose(whole(found), one_by_one, atol=1e-5)
    np.testing.assert_allclose(found.take([39, 0, 17]), one_by_one[[39, 0, 17]], atol=1e-5)


def test_a_truncated_shard_is_made_again_and_the_others_are_not(
    tmp_path: Path, minilm: SentenceEncoder, monkeypatch
) -> None:
    monkeypatch.setattr(store, "SHARD_ROWS", 16)
    before = whole(encode_corpus(minilm, texts_of, len(TEXTS), tmp_path, SilentProgress()))
    untouched, damaged = tmp_path / "00000.npy", tmp_path / "00001.npy"
    stamp = untouched.stat().st_mtime_ns
    damaged.write_bytes(damaged.read_bytes()[:100])
    after = whole(encode_corpus(minilm, texts_of, len(TEXTS), tmp_path, SilentProgress()))
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert untouched.stat().st_mtime_ns == stamp


def test_long_texts_are_counted(tmp_path: Path, minilm: SentenceEncoder) -> None:
    texts = ["short", "long " * 5000]
    found = encode_corpus(
        minilm, lambda rows: [texts[row] for row in rows], 2, tmp_path, SilentProgress()
    )
    assert found.too_long == 1


_ENCODE = """
import sys
from pathlib import Path
from syneg.encoders import store
from syneg.encoders.encoder import load_encoder
from syneg.progress import SilentProgress
store.SHARD_ROWS = 8
texts = [f"Text number {n} " + "word " * 100 for n in range(400)]
store.encode_corpus(load_encoder("minilm"), lambda rows: [texts[r] for r in rows], 400,
                    Path(sys.argv[1]), SilentProgress())
"""


def test_a_killed_encoding_leaves_only_whole_shards(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _ENCODE, str(tmp_path)])
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path.stem: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert finished
    subprocess.run([sys.executable, "-c", _ENCODE, str(tmp_path)], check=True)
    assert len(list(tmp_path.glob("*.json"))) == 50
    for stem, stamp in finished.items():
        assert (tmp_path / f"{stem}.json").stat().st_mtime_ns == stamp
