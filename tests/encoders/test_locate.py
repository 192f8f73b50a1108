from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from syneg.encoders.encoder import load_encoder
from syneg.encoders.locate import check_weights, locate_model, model_fingerprint, packaged_minilm
from syneg.errors import InputError


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(packaged_minilm(), folder)
    return folder


def test_a_folder_without_weights_is_refused(model_folder: Path) -> None:
    (model_folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"no weights .*model\.safetensors"):
        locate_model(str(model_folder))


def test_pickled_weights_are_never_loaded(model_folder: Path) -> None:
    (model_folder / "model.safetensors").rename(model_folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="pickled"):
        load_encoder(str(model_folder))


def test_pickled_weights_of_a_module_are_refused(model_folder: Path) -> None:
    (model_folder / "1_Pooling" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(InputError, match="1_Pooling"):
        check_weights(model_folder)


def test_damaged_weights_are_one_clear_error(model_folder: Path) -> None:
    (model_folder / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(InputError, match="cannot be loaded"):
        load_encoder(str(model_folder))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config\.json"):
        locate_model(str(tmp_path))


def test_a_name_that_is_no_folder_names_the_choices() -> None:
    with pytest.raises(InputError, match="'hub:NAME'"):
        locate_model("no/such/folder")


def test_offline_the_hub_is_not_asked() -> None:
    with pytest.raises(InputError, match="--offline"):
        locate_model("hub:nobody/no-such-model", offline=True)


def test_the_fingerprint_follows_the_files(model_folder: Path) -> None:
    before = model_fingerprint(model_folder)
    assert before == model_fingerprint(packaged_minilm())
    config = model_folder / "config.json"
    config.write_text(config.read_text() + " ")
    assert model_fingerprint(model_folder) != before


def test_code_that_comes_with_a_model_does_not_run(model_folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    code = f"from pathlib import Path\nPath({str(marker)!r}).touch()\n"
    (model_folder / "evil.py").write_text(code, encoding="utf-8")
    config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    config |= {
        "model_type": "evil",
        "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"},
    }
    (model_folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match="--trust-remote-code"):
        load_encoder(str(model_folder))
    assert not marker.exists()


def test_a_module_of_the_folder_does_not_run(model_folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    code = f"from pathlib import Path\nPath({str(marker)!r}).touch()\n"
    (model_folder / "evil.py").write_text(code, encoding="utf-8")
    modules = json.loads((model_folder / "modules.json").read_text(encoding="utf-8"))
    modules[-1]["type"] = "evil.Normalize"
    (model_folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(InputError):
        load_encoder(str(model_folder))
    assert not marker.exists()
