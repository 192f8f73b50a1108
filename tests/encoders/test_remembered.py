from __future__ import annotations

import numpy as np

from mining.counting import Counting
from syneg.encoders.encoder import SentenceEncoder
from syneg.encoders.remembered import RememberedQueries


def test_each_query_is_encoded_once_and_comes_back_in_order(minilm: SentenceEncoder) -> None:
    counting = Counting(minilm)
    encoder = RememberedQueries(counting)
    first = encoder.encode_queries(["a", "b", "a"])
    assert counting.texts == 2
    np.testing.assert_array_equal(first[0], first[2])
    second = encoder.encode_queries(["c", "b", "a"])
    assert counting.texts == 3
    np.testing.assert_array_equal(second[1:], first[1::-1])
    np.testing.assert_allclose(second, minilm.encode_queries(["c", "b", "a"]), atol=2e-6)
    assert encoder.fingerprint == minilm.fingerprint


def test_no_queries_have_no_vectors(minilm: SentenceEncoder) -> None:
    encoder = RememberedQueries(minilm)
    assert encoder.encode_queries([]).shape == (0, 384)
    encoder.encode_queries(["a"])
    assert encoder.encode_queries([]).shape == (0, 384)
