from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from syneg.encoders.search import exact_search


@given(
    documents=st.integers(1, 40),
    queries=st.integers(1, 5),
    depth=st.integers(1, 50),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    seed=st.integers(0, 999),
)
def test_blocks_give_what_a_full_sort_gives(
    documents: int, queries: int, depth: int, cuts: list[int], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    # Small whole numbers make many equal scores.
    corpus = generator.integers(-1, 2, (documents, 3)).astype(np.float32)
    asked = generator.integers(-1, 2, (queries, 3)).astype(np.float32)
    edges = sorted({0, documents, *(min(cut, documents) for cut in cuts)})
    blocks = [(start, corpus[start:end]) for start, end in pairwise(edges)]
    rows, scores = exact_search(asked, blocks, depth)
    products = asked @ corpus.T
    expected = np.argsort(-products, axis=1, kind="stable")[:, :depth]
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(scores, np.take_along_axis(products, expected, axis=1))


def test_no_documents_gives_nothing() -> None:
    rows, scores = exact_search(np.ones((2, 3), np.float32), [], 5)
    assert rows.shape == scores.shape == (2, 0)
