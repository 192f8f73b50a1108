"""Whatever is written comes back."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from syneg.datasets.beir import read_beir_folder, write_beir_folder
from syneg.datasets.dataset import RetrievalDataset

# Surrogates alone are no text and cannot be held in columns.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
FILLED = TEXT.filter(lambda text: text.strip("\x1c\x1d\x1e\x1f") != "" and not text.isspace())
IDS = TEXT.filter(lambda name: name and name == name.strip() and not set(name) & set("\t\r\n"))


@st.composite
def data_sets(draw: st.DrawFn) -> RetrievalDataset:
    documents = draw(st.lists(IDS, min_size=1, max_size=6, unique=True))
    queries = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    qrels = {}
    for split in draw(st.sampled_from([["train", "test"], ["dev", "others ü"], ["test"]])):
        pairs = draw(
            st.lists(
                st.tuples(st.sampled_from(queries), st.sampled_from(documents)),
                min_size=1,
                unique=True,
            )
        )
        grades = [draw(st.integers(-2, 3)) for _ in pairs[1:]]
        qrels[split] = [(*pair, grade) for pair, grade in zip(pairs, [1, *grades], strict=True)]
    return RetrievalDataset.from_rows(
        "round",
        corpus=[(name, draw(TEXT), draw(FILLED)) for name in documents],
        queries=[(name, draw(FILLED)) for name in queries],
        qrels=qrels,
    )


@settings(max_examples=60, deadline=None)
@given(data_sets())
def test_what_is_written_is_read_again(data: RetrievalDataset) -> None:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "round"
        write_beir_folder(data, folder)
        again = read_beir_folder(folder)
    assert again == data
    assert again.fingerprint() == data.fingerprint()
