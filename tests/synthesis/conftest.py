"""A small data set, and where the recorded negatives lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from syneg.datasets.dataset import RetrievalDataset

_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture
def data_folder() -> Path:
    if not _DATA.is_dir():
        pytest.skip("needs the development data sets, in ../shared/data")
    return _DATA


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
