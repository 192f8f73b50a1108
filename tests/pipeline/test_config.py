from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from syneg.errors import InputError
from syneg.pipeline.config import RunConfig, differences, known_keys, load_config


def test_later_values_win(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("training: {epochs: 2, batch_size: 8}\nseed: 1\n", encoding="utf-8")
    config = load_config(file, ["training.epochs=4"], {"training.epochs": 3, "seed": None})
    assert (config.training.epochs, config.training.batch_size, config.seed) == (4, 8, 1)


def test_a_dumped_configuration_loads_as_the_same(tmp_path: Path) -> None:
    config = load_config(overrides=["llm.recorded=a.jsonl", "mixing.sources=[bm25]"])
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
    assert load_config(file) == config


@pytest.mark.parametrize("key", known_keys())
def test_every_known_key_is_known(key: str) -> None:
    if "." in key:
        section, name = key.split(".")
        value = RunConfig().model_dump(mode="json")[section][name]
        assert load_config(values={key: value}) == RunConfig()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("training.epochs", "is not key=value"),
        ("training.epochs=[", "not YAML"),
        ("training.epochs=zero", "training.epochs"),
        ("training.epochs=0", "greater than or equal to 1"),
        ("seed.x=1", "seed"),
    ],
)
def test_bad_overrides(text: str, part: str) -> None:
    with pytest.raises(InputError, match=part):
        load_config(overrides=[text])


@pytest.mark.parametrize(
    ("content", "part"),
    [(b"a: [", "is not YAML"), (b"\xff\xfe", "is not UTF-8"), (b"- 1", "not a mapping")],
)
def test_bad_files_name_the_file(tmp_path: Path, content: bytes, part: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=rf"bad\.yaml.*{part}"):
        load_config(file)


def test_harmless_keys_make_no_difference() -> None:
    before = RunConfig().model_dump(mode="json")
    after = load_config(overrides=["offline=true", "llm.concurrency=4"]).model_dump(mode="json")
    assert differences(before, after) == {}
