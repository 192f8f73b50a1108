from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from syneg.encoders import store
from syneg.encoders.devices import EncoderGroup, load_encoders, mining_precision, work_on_each
from syneg.encoders.encoder import Encoder, Precision, SentenceEncoder, load_encoder
from syneg.encoders.store import encode_corpus
from syneg.errors import InputError
from syneg.progress import SilentProgress

TEXTS = [f"Sentence {number} " + "is a little longer " * (number % 7) for number in range(60)]


@pytest.fixture(scope="module")
def group() -> EncoderGroup:
    return load_encoders("minilm", devices=["cpu", "cpu"])


def test_two_devices_encode_what_one_does(
    group: EncoderGroup, minilm: SentenceEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SHARD_ROWS", 8)
    found = encode_corpus(
        group, lambda rows: [TEXTS[row] for row in rows], 60, tmp_path, SilentProgress()
    )
    vectors = found.take(range(60))
    np.testing.assert_allclose(vectors, minilm.encode_documents(TEXTS), atol=1e-5)
    assert isinstance(group, Encoder)
    assert group.fingerprint == minilm.fingerprint


def test_every_item_is_worked_on_once_and_both_devices_work(group: EncoderGroup) -> None:
    done: list[tuple[int, int]] = []
    both = threading.Barrier(2)

    def work(encoder: Encoder, item: int) -> None:
        if item < 2:
            both.wait(timeout=60)  # Passed only if two are worked on at once.
        done.append((item, id(encoder)))

    work_on_each(group, range(20), work)
    assert sorted(item for item, _ in done) == list(range(20))
    assert {member for _, member in done} == {id(one) for one in group.members}


def test_a_failure_on_one_device_stops_the_others_and_is_told(group: EncoderGroup) -> None:
    begun: list[int] = []

    def work(encoder: Encoder, item: int) -> None:
        begun.append(item)
        if item == 3:
            raise InputError("item three is wrong")

    with pytest.raises(InputError, match="item three"):
        work_on_each(group, range(100_000), work)
    assert len(begun) < 100_000


def test_different_models_are_no_group(minilm: SentenceEncoder) -> None:
    with pytest.raises(InputError, match="same options"):
        EncoderGroup((minilm, load_encoder("minilm", max_length=64)))
    with pytest.raises(InputError, match="one model"):
        EncoderGroup(())


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match=r"model\.device"):
        load_encoders("minilm", devices=["cpu", "cuda:99"])


def test_mining_computes_in_bfloat16_only_where_it_is_known_to_be_fast() -> None:
    assert mining_precision("mps") is Precision.FLOAT32
    assert mining_precision("cpu") in set(Precision)
