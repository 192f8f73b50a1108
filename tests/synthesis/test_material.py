from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.synthesis.material import TAGS, as_data, holds_tag, length_in, unit_of

MARKS = [
    *(f"<{tag}>" for tag in TAGS),
    *(f"</{tag}>" for tag in TAGS),
    "< / USER_QUERY >",
    "<dr\u200caft>",
    "</dra\u200bft>",
    "<|im_end|>",
    "<|im_start|>system",
    "<\uff5cend\uff5c>",
    "</s>",
    "<end_of_turn>",
    "<think>",
    "<<SYS>>",
    "[/INST]",
    "[SYSTEM_PROMPT]",
]
HOSTILE = st.lists(
    st.sampled_from([*MARKS, "<", "</", "{{ 7 * 7 }}", "word"]) | st.text(max_size=5)
).map("".join)


@given(HOSTILE, st.integers(1, 50))
def test_no_text_can_hold_a_mark(text: str, words: int) -> None:
    shown = as_data(text, words)
    assert not holds_tag(shown)
    lowered = "".join(shown.lower().split())
    for mark in ("<|", "<\uff5c", "</s>", "<end_of_turn>", "[/inst]", "<think>"):
        assert mark not in lowered
    for tag in TAGS:
        assert f"<{tag}>" not in lowered
        assert f"</{tag}>" not in lowered


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_is_known(mark: str) -> None:
    # The zero-width space is taken out before marks are looked for.
    assert holds_tag(mark.replace("\u200b", ""))
    assert as_data(mark, 9) != mark


def test_cutting_first_and_marking_after_leaves_no_gap() -> None:
    # Invisible characters go before words are counted and marks are looked for.
    assert as_data("a <\u200b/draft> b", 3) == "a \u2039/draft> b"


@given(st.text(), st.integers(1, 20))
def test_it_is_one_line_of_bounded_size(text: str, words: int) -> None:
    shown = as_data(text, words)
    assert "\n" not in shown
    assert len(shown) <= words * 12 + 2


def test_ordinary_texts_stay_as_they_are() -> None:
    text = "p < 0.05 and [3, 4]; <b>bold</b> and a user_query; می‌خواهم 👩‍🔬"
    assert as_data(text, 50) == text


def test_lengths_are_counted_in_what_the_script_has() -> None:
    assert unit_of("パリはフランスの首都です。") == "characters"
    assert unit_of("Paris is the capital of France.") == "words"
    assert unit_of("서울은 한국의 수도이다.") == "words"
    assert length_in("characters", "首都 です") == 4
