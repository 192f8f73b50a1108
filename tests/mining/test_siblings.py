from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from syneg.datasets.beir import read_beir_folder
from syneg.datasets.chunking_folder import chunk_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.mining.candidates import EXCLUSIONS
from syneg.mining.given import JudgedSource
from syneg.mining.siblings import exclude_siblings, sibling_counts, source_documents
from syneg.mining.source import split_positives
from syneg.mining.sources import RandomSource


def sentences(animal: str) -> str:
    return " ".join(f"The {animal} {number} does a thing of its own kind." for number in range(12))


@pytest.fixture
def chunks(tmp_path: Path) -> Path:
    """A folder of chunks: of 'cat' and 'dog' several, of 'bee' one."""
    source = tmp_path / "long"
    (source / "qrels").mkdir(parents=True)
    rows = [("cat", sentences("cat")), ("dog", sentences("dog")), ("bee", "The bee hums.")]
    write_lines(source / "corpus.jsonl", [{"_id": name, "text": text} for name, text in rows])
    write_lines(source / "queries.jsonl", [{"_id": "q", "text": "what does cat 7 do"}])
    (source / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq\tcat\t1\n")
    chunk_folder(source, tmp_path / "chunks", most_words=20, overlap_words=0)
    return tmp_path / "chunks"


def write_lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def names(data: RetrievalDataset, groups: np.ndarray) -> dict[str, int]:
    ids = data.corpus["id"].to_pylist()
    return dict(zip(ids, groups.tolist(), strict=True))


@pytest.mark.parametrize("known_from", ["table", "metadata", "gzipped metadata"])
def test_chunks_of_one_document_are_known(chunks: Path, known_from: str) -> None:
    if known_from != "table":
        (chunks / "chunks.parquet").unlink()
    corpus = chunks / "corpus.jsonl"
    if known_from == "gzipped metadata":
        (chunks / "corpus.jsonl.gz").write_bytes(gzip.compress(corpus.read_bytes()))
        corpus.unlink()
    data = read_beir_folder(chunks)
    groups = source_documents(str(chunks), data)
    assert groups is not None
    found = names(data, groups)
    assert len({found[name] for name in found if name.startswith("cat#")}) == 1
    assert len({found["cat#0"], found["dog#0"], found["bee"]}) == 3


def test_only_chunks_of_other_documents_are_candidates(chunks: Path) -> None:
    data = read_beir_folder(chunks)
    positives = split_positives(data, "train")
    groups = source_documents(str(chunks), data)
    own = sum(name.startswith("cat#") for name in data.corpus["id"].to_pylist())
    assert own >= 4
    assert sibling_counts(positives, groups).tolist() == [own]
    # However many siblings there are, as many others are found as were asked for.
    for source in (RandomSource(3), RandomSource(5)):
        found = source.candidates(data, positives, "train", sources=groups)
        free = data.document_ids(found.documents[found.excluded == 0])
        assert len(free) == source.depth
        assert not any(name.startswith("cat#") for name in free)
        codes = {EXCLUSIONS[code - 1] for code in found.excluded[found.excluded > 0].tolist()}
        assert codes <= {"positive", "same-source"}
    everything = RandomSource(100).candidates(data, positives, "train", sources=groups)
    reasons = [EXCLUSIONS[code - 1] for code in everything.excluded if code]
    assert sorted(reasons) == ["positive"] + ["same-source"] * (own - 1)
    again = exclude_siblings(everything, positives, groups)
    np.testing.assert_array_equal(again.excluded, everything.excluded)


def test_what_somebody_judged_counts_more_than_where_it_was_cut_from(chunks: Path) -> None:
    data = read_beir_folder(chunks)
    (positive,) = data.positives("train")["doc_id"].to_pylist()
    sibling = next(name for name in ("cat#0", "cat#1") if name != positive)
    rows = [("q", positive, 1), ("q", sibling, 0)]
    columns = zip(*rows, strict=True)
    data = data.with_qrels(
        {"train": pa.table(dict(zip(("query_id", "doc_id", "grade"), columns, strict=True)))}
    )
    groups = source_documents(str(chunks), data)
    found = JudgedSource().candidates(
        data, split_positives(data, "train"), "train", near_duplicate=None, sources=groups
    )
    assert data.document_ids(found.documents[found.excluded == 0]) == [sibling]


def test_where_nothing_was_cut_nothing_is_known(
    animal_folder: Path, animal_data: RetrievalDataset
) -> None:
    assert source_documents(str(animal_folder), animal_data) is None
    for elsewhere in ("pydocs", "hub:BeIR/scifact", ""):
        assert source_documents(elsewhere, animal_data) is None


def test_metadata_that_is_something_else_means_nothing(tmp_path: Path) -> None:
    rows = [
        {"_id": "a", "text": "x", "metadata": {"source_id": 7}},
        {"_id": "b", "text": "source_id", "metadata": "source_id"},
        {"_id": "c", "text": "x", "metadata": {"source_id": None}},
    ]
    write_lines(tmp_path / "corpus.jsonl", rows)
    data = RetrievalDataset.from_rows(
        "odd", corpus=[(row["_id"], "", row["text"]) for row in rows], queries=[], qrels={}
    )
    assert source_documents(str(tmp_path), data) is None


def test_a_table_of_chunks_that_is_none_is_told(chunks: Path) -> None:
    data = read_beir_folder(chunks)
    table = chunks / "chunks.parquet"
    pq.write_table(pa.table({"chunk_id": ["cat#0"]}), table)
    with pytest.raises(InputError, match=r"chunks\.parquet.*chunk_id and source_id"):
        source_documents(str(chunks), data)
    table.write_bytes(b"cut off")
    with pytest.raises(InputError, match=r"chunks\.parquet"):
        source_documents(str(chunks), data)
