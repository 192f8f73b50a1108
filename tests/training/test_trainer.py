from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import load_encoder
from syneg.errors import SynegError
from syneg.files import read_json
from syneg.mixing.mixer import INSTANCE_SCHEMA
from syneg.negatives.record import Negative, to_table
from syneg.progress import SilentProgress
from syneg.training.examples import TrainingExamples, training_examples
from syneg.training.options import TrainingOptions
from syneg.training.trainer import last_whole_checkpoint, train

ANIMALS = ["cat", "dog", "cow", "bee", "owl", "ant", "fox", "mole", "bat", "snail", "crow", "eel"]

# Run as a script by the test that kills it, and imported by none.
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1])))
import test_trainer
test_trainer.tune(Path(sys.argv[2]), checkpoint_seconds=0)
"""


def examples(*, negatives: bool = True, shared: bool = False) -> TrainingExamples:
    """One instance per animal; with `shared`, all have the same positive."""
    numbered = list(enumerate(ANIMALS))
    positive = {name: ANIMALS[0] if shared else name for name in ANIMALS}
    data = RetrievalDataset.from_rows(
        "animals",
        corpus=[(name, "", f"The {name} eats a leaf of number {n}.") for n, name in numbered],
        queries=[(name, f"What does the {name} eat?") for name in ANIMALS],
        qrels={"train": [(name, positive[name], 1) for name in ANIMALS]},
    )
    pool = [
        Negative(
            negative_id=f"n-{name}",
            query_id=name,
            positive_id=positive[name],
            source="llm",
            text=f"The {name} sleeps in place {n}.",
        )
        for n, name in numbered
    ]
    instances = [
        {
            "query_id": name,
            "positive_id": positive[name],
            "negative_ids": [f"n-{name}"] if negatives else [],
            "sources": ["llm"] if negatives else [],
        }
        for name in ANIMALS
    ]
    table = pa.Table.from_pylist(instances, schema=INSTANCE_SCHEMA)
    return training_examples(table, to_table(pool), data)


def mean_norm(model) -> float:
    """A stand-in for a development score that changes with the weights."""
    vectors = model.encode(["What does the cat eat?", "The cat eats a leaf."])
    return float(vectors[0] @ vectors[1])


def tune(folder: Path, **changes):
    encoder = load_encoder("minilm")
    options = TrainingOptions(**{"epochs": 3, "batch_size": 4, "learning_rate": 1e-4, **changes})
    result = train(
        encoder.model,
        examples(),
        options,
        folder,
        development_score=mean_norm,
        progress=SilentProgress(),
        seed=7,
    )
    return encoder, result


def test_training_changes_the_model_and_keeps_the_best_epoch(tmp_path: Path) -> None:
    before = load_encoder("minilm")
    encoder, result = tune(tmp_path, max_length=16)
    assert result.steps == 9
    assert result.instances == 12
    assert set(result.development) == {1, 2, 3}
    best = load_encoder(str(tmp_path / "best"))
    # While training, the model computes in bfloat16 where the processor has it.
    assert mean_norm(best.model) == pytest.approx(max(result.development.values()), abs=2e-3)
    assert best.fingerprint != before.fingerprint
    # Training read 16 tokens of a text; what is kept reads as many as the model always did.
    assert best.model.max_seq_length == before.model.max_seq_length == 256
    assert encoder.model.max_seq_length == before.model.max_seq_length
    losses = [loss for _, loss in result.losses]
    assert losses and all(np.isfinite(losses))


def test_a_killed_training_goes_on_and_ends_alike(tmp_path: Path) -> None:
    _, uninterrupted = tune(tmp_path / "whole")
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(folder)]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        place = last_checkpoint_number(folder)
        if place is not None and place >= 4:
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    began = last_checkpoint_number(folder)
    assert began is not None and 4 <= began < 9
    _, resumed = tune(folder)
    assert resumed.development.keys() == uninterrupted.development.keys()
    for epoch, score in uninterrupted.development.items():
        assert resumed.development[epoch] == pytest.approx(score, abs=1e-4)
    first, second = (load_encoder(str(place / "best")) for place in (tmp_path / "whole", folder))
    texts = ["The cat eats.", "Where is the dog?"]
    np.testing.assert_allclose(
        first.encode_documents(texts), second.encode_documents(texts), atol=1e-4
    )


def last_checkpoint_number(folder: Path) -> int | None:
    found = [
        int(path.parent.name.rpartition("-")[2])
        for path in folder.glob("checkpoint-*/syneg-complete")
    ]
    return max(found, default=None)


def test_a_half_written_checkpoint_is_not_used(tmp_path: Path) -> None:
    tune(tmp_path, epochs=1)
    whole = last_whole_checkpoint(tmp_path)
    assert whole is not None and whole.name == "checkpoint-3"
    torn = tmp_path / "checkpoint-99"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"torn")
    assert last_whole_checkpoint(tmp_path) == whole
    assert not torn.exists()


def test_finished_training_is_not_repeated(tmp_path: Path) -> None:
    _, first = tune(tmp_path, epochs=1)
    stamp = (tmp_path / "best" / "model.safetensors").stat().st_mtime_ns
    _, again = tune(tmp_path, epochs=1)
    assert again.development == first.development
    assert (tmp_path / "best" / "model.safetensors").stat().st_mtime_ns == stamp
    assert read_json(tmp_path / "history.json") == {"1": first.development[1]}


def test_a_loss_that_is_no_number_stops_with_advice(tmp_path: Path) -> None:
    with pytest.raises(SynegError, match=r"training\.learning_rate"):
        tune(tmp_path, temperature=1e-45, precision="float32")


def test_training_without_hard_negatives_uses_the_batch(tmp_path: Path) -> None:
    encoder = load_encoder("minilm")
    result = train(
        encoder.model,
        examples(negatives=False),
        TrainingOptions(epochs=1, batch_size=4),
        tmp_path,
        development_score=mean_norm,
        progress=SilentProgress(),
    )
    assert result.steps == 3


def test_instances_with_one_positive_are_all_trained_on(tmp_path: Path) -> None:
    encoder = load_encoder("minilm")
    result = train(
        encoder.model,
        examples(negatives=False, shared=True),
        TrainingOptions(epochs=1, batch_size=4),
        tmp_path,
        progress=SilentProgress(),
    )
    # The one positive is no negative of anybody, so nothing is left to learn from.
    assert result.steps == 3
    assert result.losses[0][1] == pytest.approx(0.0, abs=1e-6)


def test_without_a_development_score_the_last_step_counts(tmp_path: Path) -> None:
    encoder = load_encoder("minilm")
    options = TrainingOptions(epochs=1, batch_size=4)
    train(encoder.model, examples(), options, tmp_path, progress=SilentProgress())
    assert not (tmp_path / "best").exists()
    assert mean_norm(encoder.model) != pytest.approx(mean_norm(load_encoder("minilm").model))


def test_after_training_the_model_computes_in_the_numbers_asked_for(tmp_path: Path) -> None:
    encoder = load_encoder("minilm")
    options = TrainingOptions(epochs=1, batch_size=4, precision="bfloat16")
    train(encoder.model, examples(), options, tmp_path, progress=SilentProgress())
    encoder.model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    saved = load_encoder(str(tmp_path / "saved"))
    texts = ["The cat eats.", "Where is the dog?"]
    np.testing.assert_array_equal(encoder.encode_documents(texts), saved.encode_documents(texts))


def test_merging_keeps_a_model_between_the_starting_and_the_tuned_one(tmp_path: Path) -> None:
    start = next(iter(load_encoder("minilm").model.parameters())).detach().clone()
    tuned, _ = tune(tmp_path / "whole", epochs=1)
    tune(tmp_path / "half", epochs=1, merge=0.5)
    half = next(iter(load_encoder(str(tmp_path / "half" / "best")).model.parameters()))
    middle = (start + next(iter(tuned.model.parameters())).detach()) / 2
    assert float((half - middle).abs().max().detach()) < 1e-6
