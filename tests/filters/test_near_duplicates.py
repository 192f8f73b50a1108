from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syneg.filters.near_duplicates import _sharing, bands_for, find_near_duplicates
from syneg.filters.words import runs, words

_WORDS = [f"word{number}" for number in range(400)]


def dropped(texts: dict[str, str], share: float = 0.7, length: int = 3) -> set[str]:
    ids, values = pa.array(list(texts), pa.string()), pa.array(texts.values(), pa.string())
    return set(find_near_duplicates(ids, values, share=share, length=length))


def prose(seed: int, count: int = 100) -> list[str]:
    return random.Random(seed).choices(_WORDS, k=count)


def in_common(first: str, second: str, length: int = 3) -> float:
    one, other = (set(runs(words(text), length)) for text in (first, second))
    return len(one & other) / len(one | other)


def test_a_text_with_a_few_changed_words_is_a_near_copy() -> None:
    original = prose(0)
    changed = [*original]
    changed[10] = changed[60] = "changed"
    texts = {"b": " ".join(original), "a": " ".join(changed), "c": " ".join(prose(1))}
    assert in_common(texts["a"], texts["b"]) > 0.7
    assert dropped(texts) == {"b"}


def test_what_is_like_a_dropped_text_alone_is_kept() -> None:
    # Each is a near-copy of its neighbours, but the first and the last have little in common.
    window = prose(2, 160)
    starts = {"a": 0, "b": 15, "c": 30, "d": 45}
    texts = {name: " ".join(window[start : start + 100]) for name, start in starts.items()}
    assert in_common(texts["a"], texts["b"]) >= 0.7
    assert in_common(texts["a"], texts["c"]) < 0.7
    assert dropped(texts) == {"b", "d"}


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9, 1.0])
def test_bands_miss_hardly_any_pair(share: float) -> None:
    bands = bands_for(share)
    assert bands.count * bands.rows <= 128
    assert (1 - share**bands.rows) ** bands.count <= 1e-3


def test_every_near_copy_of_many_is_found() -> None:
    texts = {f"a{number:03}": " ".join(prose(number)) for number in range(300)}
    copies = {}
    for number in range(0, 300, 3):
        found = texts[f"a{number:03}"].split()
        found[number % 100] = "changed"
        copies[f"b{number:03}"] = " ".join(found)
    assert dropped(texts | copies) == set(copies)


TEXTS = st.lists(
    st.lists(st.sampled_from(["sun", "sea", "sky"]), max_size=8).map(" ".join), max_size=12
)


@settings(max_examples=30)
@given(TEXTS, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(found: list[str], shuffler: random.Random) -> None:
    texts = {f"n{number:02}": text for number, text in enumerate(found)}
    expected = dropped(texts, share=0.5)
    mixed = list(texts.items())
    shuffler.shuffle(mixed)
    assert dropped(dict(mixed), share=0.5) == expected


@settings(max_examples=30)
@given(TEXTS)
def test_what_stays_is_unlike_all_that_stays(found: list[str]) -> None:
    texts = {f"n{number:02}": text for number, text in enumerate(found)}
    gone = dropped(texts, share=1.0, length=2)
    kept = [name for name in texts if name not in gone and texts[name]]
    for place, name in enumerate(kept):
        for other in kept[:place]:
            assert in_common(texts[name], texts[other], 2) < 1


@pytest.mark.parametrize("values", [[], [None], ["", None, "?!", "\u200b", "🙂🙂"]])
def test_nothing_is_like_nothing(values: list[str | None]) -> None:
    ids = pa.array([str(number) for number in range(len(values))], pa.string())
    assert find_near_duplicates(ids, pa.array(values, pa.string()), share=0.7, length=3) == {}


def test_scripts_without_spaces_and_hidden_signs_are_compared() -> None:
    chinese = "大气中的分子对太阳光的散射在短波长处最强因此天空看起来是蓝色的"
    texts = {
        "a": chinese,
        "b": f"{chinese}。",
        "c": "树叶含有叶绿素所以看起来是绿色的它吸收红光和蓝光",
    }
    assert dropped(texts) == {"b"}
    english = " ".join(prose(3))
    assert dropped({"a": english, "b": english.replace("o", "o\u200b")}) == {"b"}


def test_many_copies_of_one_template_are_told_apart_in_time() -> None:
    # All share a band with all others, and hardly any is a near-copy.
    frame = prose(4, 60)
    texts = {f"n{number:04}": " ".join([*frame, *prose(number + 10, 14)]) for number in range(600)}
    assert in_common(texts["n0000"], texts["n0001"]) == pytest.approx(0.68, abs=0.02)
    assert not dropped(texts)


def test_a_copy_is_found_among_more_of_one_template_than_are_looked_at() -> None:
    frame = prose(4, 60)
    texts = {f"n{number:04}": " ".join([*frame, *prose(number + 10, 16)]) for number in range(1500)}
    texts |= {f"z{number}": texts[f"n{1490 - number:04}"] + " end" for number in range(9)}
    assert dropped(texts) == {f"z{number}" for number in range(9)}


def test_no_text_is_held_against_more_than_so_many() -> None:
    kept = {0: list(range(5000)), 1: [7, 9000], 2: list(range(4000, 4500))}
    found = _sharing([0, 1, 2], kept)
    assert len(found) <= 1024
    assert {7, 9000, *range(4000, 4500)} < set(found)
    assert _sharing([1, 5], kept) == [7, 9000]


def test_a_long_text_is_compared() -> None:
    long = " ".join(np.random.default_rng(0).choice(_WORDS, 100_000).tolist())
    assert dropped({"a": long, "b": f"{long} end"}) == {"b"}
