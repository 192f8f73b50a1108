"""A small BEIR folder to start from, and where the development data sets are."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"

CORPUS = """\
{"_id": "d1", "title": "Cats", "text": "Cats purr.", "metadata": {}}
{"_id": "d2", "title": "", "text": "Dogs bark."}
{"_id": "d3", "title": null, "text": "Cows moo."}
"""
QUERIES = """\
{"_id": "q1", "text": "Which animal purrs?", "metadata": {}}
{"_id": "q2", "text": "Which animal barks?"}
"""
HEADER = "query-id\tcorpus-id\tscore\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound BEIR folder `animals` with the splits train and test."""
    animals = tmp_path / "animals"
    (animals / "qrels").mkdir(parents=True)
    (animals / "corpus.jsonl").write_text(CORPUS)
    (animals / "queries.jsonl").write_text(QUERIES)
    (animals / "qrels" / "train.tsv").write_text(f"{HEADER}q1\td1\t1\nq1\td2\t0\n")
    (animals / "qrels" / "test.tsv").write_text(f"{HEADER}q2\td2\t2\n")
    return animals


@pytest.fixture
def shared_data() -> Path:
    """The folder of data sets for development, or a skip where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the development data sets are not at {SHARED_DATA}")
    return SHARED_DATA
