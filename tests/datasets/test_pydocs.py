"""The built-in data set: its rules hold for every pair, whatever Python it is built from."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.docstrings import source_docstrings
from syneg.datasets.pydocs import build_pydocs
from syneg.datasets.sentences import plain_words, split_first_sentence

MODULE = '''
"""A module. It halves."""

class Half(Base, metaclass=Meta):
    """Halves things."""

    def of(self, x: float, *, exact=True) -> float:
        """Return half of x."""
        def inner():
            """Not seen from outside."""

    def __len__(self):
        """Dunder."""

    def _hidden(self):
        """Hidden."""

    class Inner:
        """Inside."""

    @property
    def size(self):
        """First."""

    @size.setter
    def size(self, value):
        """Second."""

class _Private:
    """Hidden."""

    def method(self):
        """Hidden, too."""

try:
    def quick():
        """Quick."""
except ImportError:
    async def slow(*args, **kwargs):
        """Slow."""

if True:
    def silent(): pass
'''


@pytest.fixture(scope="module")
def pydocs() -> RetrievalDataset:
    return build_pydocs()


def test_public_docstrings_of_a_source() -> None:
    found = {(entry.name, entry.signature, entry.text) for entry in source_docstrings(MODULE, "m")}
    assert found == {
        ("m", "", "A module. It halves."),
        ("m.Half", "class Half(Base)", "Halves things."),
        ("m.Half.of", "of(self, x: float, *, exact=True) -> float", "Return half of x."),
        ("m.Half.Inner", "class Inner", "Inside."),
        ("m.Half.size", "size(self)", "First."),
        ("m.quick", "quick()", "Quick."),
        ("m.slow", "slow(*args, **kwargs)", "Slow."),
    }


@pytest.mark.parametrize("source", ["def broken(:", b"\xff\xfe", "x = '\0'"])
def test_sources_that_do_not_parse_have_no_docstrings(source: str | bytes) -> None:
    assert source_docstrings(source, "m") == []


def test_size_and_shares(pydocs: RetrievalDataset) -> None:
    pairs = pydocs.queries.num_rows
    assert 900 <= pairs <= 1600
    assert pydocs.corpus.num_rows > 2 * pairs
    assert pydocs.splits == ["train", "test"]
    assert 0.2 < len(pydocs.query_ids("test")) / pairs < 0.4
    assert sum(len(pydocs.query_ids(split)) for split in pydocs.splits) == pairs


def test_ids_and_texts_are_unique(pydocs: RetrievalDataset) -> None:
    for values in (pydocs.corpus["id"], pydocs.queries["id"], pydocs.queries["text"]):
        assert len(set(values.to_pylist())) == len(values)
    assert len(set(pydocs.corpus["text"].to_pylist())) == pydocs.corpus.num_rows
    assert all(pydocs.corpus["text"].to_pylist())


def test_no_module_is_in_both_splits(pydocs: RetrievalDataset) -> None:
    train, test = (
        {query_id.removeprefix("q:").partition(".")[0] for query_id in pydocs.query_ids(split)}
        for split in ("train", "test")
    )
    assert not train & test


def test_a_query_is_answered_by_the_document_of_its_name(pydocs: RetrievalDataset) -> None:
    for split in pydocs.splits:
        for row in pydocs.judgements(split).to_pylist():
            assert row["query_id"] == f"q:{row['doc_id']}"
            assert row["grade"] == 1
    assert pydocs.document_rows(pydocs.judgements("train")["doc_id"]).min() >= 0


def test_a_pair_is_not_given_away_by_its_first_words(pydocs: RetrievalDataset) -> None:
    for split in pydocs.splits:
        pairs = pydocs.judgements(split)
        queries = pydocs.query_texts(pairs["query_id"].to_pylist())
        texts = pydocs.document_texts(pydocs.document_rows(pairs["doc_id"]))
        for query, text in zip(queries, texts, strict=True):
            assert plain_words(query).rstrip(".") not in plain_words(text)


def test_no_other_document_begins_with_a_query(pydocs: RetrievalDataset) -> None:
    queries = set(pydocs.queries["text"].to_pylist())
    positives = {query_id.removeprefix("q:") for query_id in pydocs.queries["id"].to_pylist()}
    for document in pydocs.corpus.to_pylist():
        if document["id"] not in positives:
            without_signature = document["text"].partition("\n")[2]
            for start in (document["text"], without_signature):
                assert split_first_sentence(start)[0] not in queries


def test_queries_are_sentences(pydocs: RetrievalDataset) -> None:
    for text in pydocs.queries["text"].to_pylist():
        assert 4 <= len(text.split()) <= 40
        assert ">>>" not in text
        assert ":func:" not in text
        assert text[0] not in "+-*:>"


def test_private_names_and_tests_are_left_out(pydocs: RetrievalDataset) -> None:
    for name in pydocs.corpus["id"].to_pylist():
        parts = name.split(".")
        assert not [part for part in parts if part.startswith("_")]
        assert not {"test", "tests", "idlelib", "tkinter"} & set(parts[:-1] or parts)


def test_another_process_builds_the_same_and_imports_nothing_for_it(
    pydocs: RetrievalDataset,
) -> None:
    code = (
        "import sys; from syneg.datasets.pydocs import build_pydocs; "
        "before = set(sys.modules); data = build_pydocs(); "
        "assert not {'antigravity', 'this'} & set(sys.modules); print(data.fingerprint())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == pydocs.fingerprint()
