from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.datasets.dataset import RetrievalDataset
from syneg.mining.candidates import EXCLUSIONS, Candidates
from syneg.mining.exclusions import exclude_by_text, exclude_known
from syneg.mining.shingles import SHINGLE, near_duplicates, text_print
from syneg.mining.source import split_positives
from syneg.mining.sources import BM25Source, RandomSource

POSITIVE = " ".join(f"word{number}" for number in range(60))


def excluded(*documents: tuple[str, str], query: str = "what is it", **options) -> list[str | None]:
    """Return why each document is excluded, of a query whose positive is POSITIVE."""
    data = RetrievalDataset.from_rows(
        "made up",
        corpus=[("p", "", POSITIVE)]
        + [(f"d{number}", *one) for number, one in enumerate(documents)],
        queries=[("q", query)],
        qrels={"train": [("q", "p", 1)]},
    )
    positives = split_positives(data, "train")
    rows = np.arange(data.corpus.num_rows)[None]
    found = Candidates.from_grid("dense", ["q"], rows, np.ones(rows.shape))
    found = exclude_by_text(exclude_known(found, positives, data), positives, data, **options)
    codes = found.excluded.tolist()
    assert codes[0] == EXCLUSIONS.index("positive") + 1
    return [EXCLUSIONS[code - 1] if code else None for code in codes[1:]]


def test_texts_are_compared_without_case_punctuation_and_spacing() -> None:
    assert excluded(("", POSITIVE.upper() + "."), ("Word0", POSITIVE[6:]), ("", "other")) == [
        "same-text", "same-text", None,
    ]  # fmt: skip


def test_nearly_the_same_text_is_excluded_in_both_directions() -> None:
    words = POSITIVE.split()
    longer = POSITIVE + " " + " ".join(f"more{number}" for number in range(100))
    excerpt = " ".join(words[10:40])
    half = " ".join([*words[:30], *(f"else{number}" for number in range(30))])
    short = " ".join(words[:7])
    assert excluded(("", longer), ("", excerpt), ("", half), ("", short)) == [
        "near-duplicate", "near-duplicate", None, None,
    ]  # fmt: skip
    assert excluded(("", longer), ("", excerpt), near_duplicate=None) == [None, None]


def test_the_query_itself_is_excluded_with_and_without_its_title() -> None:
    found = excluded(("", "What is it?"), ("Title", "what is it"), ("what is", "it"), ("", "what"))
    assert found == ["query-itself", "query-itself", "query-itself", None]


def test_documents_without_text_are_excluded() -> None:
    assert excluded(("", ""), (" ", "\t"), ("a", "")) == ["blank", "blank", None]


def test_signs_alone_are_a_text_of_their_own() -> None:
    assert excluded(("", "?!"), ("", "…"), query="?!") == ["query-itself", None]


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), max_size=30), min_size=1, max_size=3),
    st.lists(st.lists(st.sampled_from("abcdef"), max_size=30), min_size=1, max_size=5),
    st.sampled_from([0.3, 0.5, 0.8, 1.0]),
)
def test_shared_shingles_are_counted_as_sets_are(
    positives: list[list[str]], others: list[list[str]], threshold: float
) -> None:
    def shingles(words: list[str]) -> set[tuple[str, ...]]:
        count = max(1, len(words) - SHINGLE + 1) if words else 0
        return {tuple(words[start : start + SHINGLE]) for start in range(count)}

    def near(one: set, other: set) -> bool:
        shared = len(one & other)
        if not shared:
            return False
        smaller = min(len(one), len(other))
        contained = smaller >= 10 and shared >= threshold * smaller
        return shared >= threshold * len(one | other) or contained

    found = near_duplicates(
        [text_print(" ".join(words)).shingles for words in positives],
        [text_print(" ".join(words)).shingles for words in others],
        threshold,
    )
    expected = [any(near(shingles(p), shingles(o)) for p in positives) for o in others]
    assert found.tolist() == expected


def test_identical_documents_leave_nothing_to_choose() -> None:
    data = RetrievalDataset.from_rows(
        "identical",
        corpus=[(f"d{number}", "", "The cat purrs.") for number in range(20)],
        queries=[("q", "cat")],
        qrels={"train": [("q", "d3", 1)]},
    )
    found = BM25Source(10).candidates(data, split_positives(data, "train"), "train")
    assert (found.excluded > 0).all()
    assert BM25Source(10).propose(data, "train").num_rows == 0


@pytest.mark.parametrize("where", ["positive", "candidate", "all"])
def test_documents_of_a_megabyte_are_compared_too(where: str) -> None:
    huge = " ".join(f"w{number}" for number in range(160_000))
    positive = huge if where != "candidate" else "a short text"
    other = huge + " and more" if where != "positive" else "another short text"
    data = RetrievalDataset.from_rows(
        "huge",
        corpus=[("p", "", positive), ("d", "", other)],
        queries=[("q", "w1")],
        qrels={"train": [("q", "p", 1)]},
    )
    found = RandomSource(5).candidates(data, split_positives(data, "train"), "train")
    why = {
        data.document_ids([row])[0]: EXCLUSIONS[code - 1] if code else None
        for row, code in zip(found.documents.tolist(), found.excluded.tolist(), strict=True)
    }
    assert why["d"] == ("near-duplicate" if where == "all" else None)
