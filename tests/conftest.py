"""What several tests share: small real data, the real encoder, the shared data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from syneg.datasets.beir import write_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import SentenceEncoder, load_encoder

# Machines that share their processor are slow at times; that is no failure.
settings.register_profile("syneg", deadline=None)
settings.load_profile("syneg")

ROOT = Path(__file__).resolve().parent.parent

_ANIMALS = {
    "cat": "purrs when it is content and sleeps for most of the day",
    "dog": "barks at strangers and guards the house at night",
    "cow": "gives milk and eats grass on the meadow",
    "bee": "makes honey and pollinates the flowers of the orchard",
    "owl": "hunts mice in the dark and turns its head far around",
    "ant": "carries many times its own weight and lives in a colony",
    "fox": "steals chickens and digs a den in the forest",
    "whale": "breathes air and sings songs under water",
    "camel": "stores fat in its hump and crosses the desert",
    "spider": "spins a web of silk and waits for flies",
    "penguin": "cannot fly but dives for fish in cold seas",
    "beaver": "fells trees and dams the river",
    "mole": "digs tunnels in the garden and sees very little",
    "salmon": "swims up the river to spawn where it was born",
    "bat": "finds its way by echo and sleeps upside down",
    "snail": "carries its house on its back and leaves a trail of slime",
}


def animals() -> RetrievalDataset:
    """A data set with 16 queries, one relevant document each, and as many distractors."""
    corpus = [(f"d-{name}", name, f"The {name} {habit}.") for name, habit in _ANIMALS.items()]
    corpus += [
        (f"x-{name}", "", f"A story about a {name} that somebody told long ago in a tavern.")
        for name in _ANIMALS
    ]
    queries = [(f"q-{name}", f"Which animal {habit}?") for name, habit in _ANIMALS.items()]
    names = list(_ANIMALS)
    return RetrievalDataset.from_rows(
        "animals",
        corpus=corpus,
        queries=queries,
        qrels={
            "train": [(f"q-{name}", f"d-{name}", 1) for name in names[:12]],
            "test": [(f"q-{name}", f"d-{name}", 1) for name in names[12:]],
        },
    )


@pytest.fixture(scope="session")
def animal_data() -> RetrievalDataset:
    return animals()


@pytest.fixture(scope="session")
def write_animals() -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        write_beir_folder(animals(), folder)
        return folder

    return write


@pytest.fixture
def animal_folder(tmp_path: Path, write_animals: Callable[[Path], Path]) -> Path:
    return write_animals(tmp_path / "animals")


@pytest.fixture(scope="session")
def minilm() -> SentenceEncoder:
    return load_encoder("minilm")


def shared_data(name: str) -> Path:
    """Return the folder of a shared data set, or skip the test where it is absent."""
    folder = ROOT.parent / "shared" / "data" / name
    if not folder.is_dir():
        pytest.skip(f"the shared data set '{name}' is not here")
    return folder


@pytest.fixture(scope="session")
def scifact_folder() -> Path:
    return shared_data("scifact")


@pytest.fixture
def data_folder() -> Path:
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the development data sets, in ../shared/data")
    return folder


@pytest.fixture
def tiny() -> RetrievalDataset:
    return RetrievalDataset.from_rows(
        "tiny",
        corpus=[
            ("d1", "Scattering", "Air molecules scatter blue light more than red light."),
            ("d2", "", "The sky is blue because short waves are scattered most."),
            ("d3", "", "Leaves look green since chlorophyll absorbs red and blue light."),
        ],
        queries=[("q1", "why is the sky blue"), ("q2", "why are leaves green"), ("q3", "rain")],
        qrels={
            "train": [("q1", "d1", 1), ("q1", "d2", 2), ("q2", "d3", 1), ("q3", "d1", 0)],
            "development": [("q3", "d2", 1)],
        },
    )
