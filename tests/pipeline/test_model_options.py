from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from syneg.encoders.locate import packaged_minilm
from syneg.errors import InputError
from syneg.pipeline.config import load_config
from syneg.pipeline.manifest import Manifest
from syneg.pipeline.run import Run

QUERIES = ["who purrs?", "who barks at night?"]


def run_of(folder: Path, **model: object) -> Run:
    folder.mkdir()
    config = load_config(values={f"model.{name}": value for name, value in model.items()})
    return Run(folder, config, Manifest(folder, config))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A model of Transformers, which states no pooling."""
    folder = tmp_path / "plain"
    shutil.copytree(packaged_minilm(), folder)
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        (folder / name).unlink()
    shutil.rmtree(folder / "1_Pooling")
    return folder


def test_a_run_reads_prompts_and_dimensions(tmp_path: Path) -> None:
    own = run_of(tmp_path / "own").encoder
    set_ = run_of(
        tmp_path / "set", dimensions=64, query_prompt="find: ", document_prompt="text: "
    ).encoder
    given = [f"find: {one}" for one in QUERIES]
    expected = own.encode_queries(given)[:, :64]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(set_.encode_queries(QUERIES), expected, atol=1e-5)
    assert set_.encode_documents(["x"]).shape == (1, 64)
    assert set_.fingerprint != own.fingerprint


def test_a_model_that_was_saved_states_the_pooling_that_it_was_given(
    tmp_path: Path, plain: Path
) -> None:
    run = run_of(tmp_path / "run", location=str(plain), pooling="cls", dimensions=32)
    mean = run_of(tmp_path / "mean", location=str(plain), pooling="mean", dimensions=32)
    vectors = run.encoder.encode_queries(QUERIES)
    assert np.abs(vectors - mean.encoder.encode_queries(QUERIES)).max() > 0.01
    run.encoder.model.save_pretrained(str(tmp_path / "saved"))
    saved = run.load_encoder(str(tmp_path / "saved"))
    np.testing.assert_allclose(saved.encode_queries(QUERIES), vectors, atol=1e-6)


def test_what_does_not_fit_the_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.pooling"):
        load_config(overrides=["model.pooling=max"])
    with pytest.raises(InputError, match=r"model\.dimensions"):
        load_config(overrides=["model.dimensions=0"])
    with pytest.raises(InputError, match="states its own pooling"):
        run_of(tmp_path / "run", pooling="cls").encoder  # noqa: B018
