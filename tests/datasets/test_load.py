"""One name for every kind of data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from syneg.datasets.load import load_dataset
from syneg.errors import InputError


def test_a_folder_is_read_as_beir(folder: Path) -> None:
    assert load_dataset(str(folder)).name == "animals"


def test_skip_unknown_reaches_the_reader(folder: Path) -> None:
    with (folder / "qrels" / "test.tsv").open("a") as judgements:
        judgements.write("q2\td9\t1\n")
    with pytest.raises(InputError, match="--skip-unknown"):
        load_dataset(str(folder))
    assert load_dataset(str(folder), skip_unknown=True).notes


@pytest.mark.parametrize("location", ["nowhere", "", "pydoc", "nowhere/at/all"])
def test_an_unknown_location_names_the_possibilities(location: str) -> None:
    with pytest.raises(InputError) as caught:
        load_dataset(location)
    for possibility in ("a folder in BEIR's layout", "hub:OWNER/NAME", "pydocs"):
        assert possibility in str(caught.value)


@pytest.mark.parametrize("location", ["hub:", "hub:scifact", "hub:a/b/c"])
def test_a_hub_name_has_an_owner(location: str) -> None:
    with pytest.raises(InputError, match="neither a folder nor OWNER/NAME"):
        load_dataset(location)
