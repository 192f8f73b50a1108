from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from syneg.encoders.batches import cut_text, longest_first, token_batches


@given(st.lists(st.integers(0, 600), max_size=60), st.integers(1, 2000))
def test_batches_hold_every_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    counts = np.array(lengths, np.int64)
    batches = list(token_batches(counts, budget))
    placed = [int(place) for batch in batches for place in batch]
    assert sorted(placed) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * counts[batch].max() <= budget
    # Texts alike in length come together: no batch reaches below the next one's longest.
    longest = [int(counts[batch].max()) for batch in batches]
    assert longest == sorted(longest, reverse=True)


@given(st.text(alphabet="ab \n\u00a0", max_size=300), st.integers(1, 200))
def test_a_cut_text_is_a_beginning_that_ends_between_words(text: str, characters: int) -> None:
    cut = cut_text(text, characters)
    assert text.startswith(cut)
    if len(cut) < len(text):
        assert len(cut) <= characters
        assert text[len(cut) :].strip()
        # Only a word that is itself longer than what may be kept is cut in two.
        assert text[len(cut)].isspace() or not any(one.isspace() for one in text[:characters][1:])


def test_the_order_by_length_is_stable() -> None:
    assert longest_first(["bb", "a", "cc", "", "ddd"]).tolist() == [4, 0, 2, 1, 3]
