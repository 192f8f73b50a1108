"""Low-rank adapters: what is trained, what is kept, and going on after a kill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from sentence_transformers import SentenceTransformer

from syneg.encoders.encoder import load_encoder
from syneg.progress import SilentProgress
from syneg.training.options import TrainingOptions
from syneg.training.trainer import train
from training.test_trainer import examples, mean_norm

TEXTS = ["The cat eats a leaf.", "Where does the dog sleep?"]


def tune(folder: Path, **changes):
    encoder = load_encoder("minilm")
    options = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3, "lora_rank": 4, **changes}
    result = train(
        encoder.model,
        examples(),
        TrainingOptions(**options),
        folder,
        development_score=mean_norm,
        progress=SilentProgress(),
        seed=7,
    )
    return encoder, result


def test_what_is_kept_is_a_plain_model_that_differs_by_a_low_rank(tmp_path: Path) -> None:
    start = load_encoder("minilm").model.state_dict()
    _, result = tune(tmp_path)
    kept = SentenceTransformer(str(tmp_path / "best"), device="cpu")
    assert mean_norm(kept) == pytest.approx(max(result.development.values()), abs=2e-3)
    tuned = kept.state_dict()
    assert tuned.keys() == start.keys()
    changed = [name for name in start if not np.array_equal(start[name], tuned[name])]
    assert changed and all(name.endswith("weight") for name in changed)
    for name in changed:
        difference = (tuned[name] - start[name]).float().numpy()
        sizes = np.linalg.svd(difference, compute_uv=False)
        assert sizes[4] < 1e-3 * sizes[0], name


def test_checkpoints_hold_the_adapters_only_and_training_goes_on_alike(tmp_path: Path) -> None:
    _, whole = tune(tmp_path / "whole")
    # Stopped after the first of two epochs: the schedule is that of both.
    folder = tmp_path / "stopped"
    encoder = load_encoder("minilm")
    with pytest.raises(InterruptedError):
        train(
            encoder.model,
            examples(),
            TrainingOptions(epochs=2, batch_size=4, learning_rate=1e-3, lora_rank=4),
            folder,
            development_score=Stops(),
            progress=SilentProgress(),
            seed=7,
        )
    (weights,) = folder.glob("checkpoint-*/adapters.safetensors")
    assert weights.stat().st_size < 2_000_000
    with safe_open(weights, "np") as content:
        assert all("lora_" in name for name in content.keys())  # noqa: SIM118
    _, resumed = tune(folder)
    assert resumed.development == pytest.approx(whole.development, abs=1e-4)
    first, second = (load_encoder(str(place / "best")) for place in (tmp_path / "whole", folder))
    np.testing.assert_allclose(
        first.encode_documents(TEXTS), second.encode_documents(TEXTS), atol=1e-4
    )


class Stops:
    """A score that fails at the end of the second epoch."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, model) -> float:
        self.calls += 1
        if self.calls > 1:
            raise InterruptedError
        return mean_norm(model)


def test_without_a_development_split_the_model_itself_has_the_adapters_merged(
    tmp_path: Path,
) -> None:
    encoder = load_encoder("minilm")
    names = set(encoder.model.state_dict())
    options = TrainingOptions(epochs=1, batch_size=4, lora_rank=2, learning_rate=1e-3)
    before = mean_norm(encoder.model)
    train(encoder.model, examples(), options, tmp_path, progress=SilentProgress())
    assert set(encoder.model.state_dict()) == names
    assert mean_norm(encoder.model) != pytest.approx(before, abs=1e-6)
    assert all(one.requires_grad for one in encoder.model.parameters())


def test_merging_with_the_starting_weights_works_on_adapters_too(tmp_path: Path) -> None:
    start = load_encoder("minilm").model
    tune(tmp_path / "whole", epochs=1)
    tune(tmp_path / "half", epochs=1, merge=0.5)
    whole, half = (
        SentenceTransformer(str(tmp_path / name / "best"), device="cpu")
        for name in ("whole", "half")
    )
    name = next(one for one in start.state_dict() if one.endswith("query.weight"))
    middle = (start.state_dict()[name] + whole.state_dict()[name]) / 2
    np.testing.assert_allclose(half.state_dict()[name], middle, atol=1e-6)
