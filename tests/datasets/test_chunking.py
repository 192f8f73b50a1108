"""Where texts are cut into chunks."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.datasets.chunking import Span, chunk_spans, first_words, word_spans
from syneg.datasets.chunking_sentences import sentence_spans
from syneg.errors import InputError

TEXTS = st.text(
    st.sampled_from("ab cd. E! \n。か漢ทé\u0301\u200d👩🔬?\t"), min_size=0, max_size=400
)


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('"Why?" he asked. "No." She left.', ['"Why?" he asked.', '"No."', "She left."]),
        ("See No. 7 of it. It is so.", ["See No. 7 of it.", "It is so."]),
        ("It rose by 3.5 units. It fell.", ["It rose by 3.5 units.", "It fell."]),
        ("Am 3. Mai kam er. Dann ging er.", ["Am 3. Mai kam er.", "Dann ging er."]),
        ("天空是蓝色的。草是绿色的！真的？", ["天空是蓝色的。", "草是绿色的！", "真的？"]),
        ("「はい。」そうです。", ["「はい。」", "そうです。"]),
        ("هل هذا صحيح؟ نعم.", ["هل هذا صحيح؟", "نعم."]),
        ("यह सच है। वह नहीं।", ["यह सच है।", "वह नहीं।"]),
        ("A heading\n\nA paragraph without end", ["A heading", "A paragraph without end"]),
        ("Wait... and go on. Stop… Now.", ["Wait... and go on.", "Stop…", "Now."]),
        ("no end at all", ["no end at all"]),
        (" \n\n ", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_an_abbreviation_ends_no_sentence() -> None:
    text = "As Dr. J. R. Doe et al. show in Fig. 3, e.g. Cats of the U.S. Army purr. Dogs do not."
    assert sentences(text)[-1] == "Dogs do not."
    assert len(sentences(text)) == 2


@given(TEXTS, st.integers(10, 40), st.integers(0, 5))
def test_chunks_hold_every_word_in_order_and_are_never_too_long(
    text: str, most: int, overlap: int
) -> None:
    spans = chunk_spans(text, most_words=most, overlap_words=overlap)
    if len(spans) == 1:
        assert spans == [Span(0, len(text))]
        return
    covered: set[int] = set()
    for span in spans:
        assert 0 <= span.start < span.end <= len(text)
        assert text[span.start : span.end] == text[span.start : span.end].strip()
        assert len(word_spans(text, *span)) <= most
        covered.update(range(*span))
    assert all(place in covered for place, sign in enumerate(text) if not sign.isspace())
    for before, after in pairwise(spans):
        assert before.start < after.start and before.end < after.end
        shared = word_spans(text, after.start, max(before.end, after.start))
        assert len(shared) <= overlap


@given(TEXTS, st.integers(10, 40))
def test_a_cut_parts_no_letter_from_its_accent(text: str, most: int) -> None:
    for span in chunk_spans(text, most_words=most, overlap_words=0)[1:]:
        if text[span.start - 1].isspace():
            continue
        assert not unicodedata.category(text[span.start]).startswith("M")
        assert text[span.start] != "\u200d" and text[span.start - 1] != "\u200d"


def test_a_chunk_is_made_of_whole_sentences_and_begins_with_the_end_of_the_last() -> None:
    text = " ".join(f"This is the sentence {number} of a text." for number in range(40))
    spans = chunk_spans(text, most_words=50, overlap_words=16)
    for before, after in pairwise(spans):
        assert text[after.start : after.end].startswith("This is")
        assert text[after.start : after.end].endswith("text.")
        assert len(text[after.start : before.end].split()) == 16


def test_a_text_without_sentence_ends_is_cut_between_words_with_overlap() -> None:
    text = " ".join(f"w{number}" for number in range(500))
    spans = chunk_spans(text, most_words=100, overlap_words=20)
    parts = [text[one.start : one.end].split() for one in spans]
    assert all(len(part) <= 100 for part in parts)
    for before, after in pairwise(parts):
        assert before[-20:] == after[:20]


def test_no_chunk_is_a_leftover_of_a_few_words() -> None:
    text = " ".join(f"Word {number} stands here." for number in range(51))
    lengths = [one.end - one.start for one in chunk_spans(text, most_words=200, overlap_words=0)]
    assert len(lengths) == 2
    assert min(lengths) > 0.9 * max(lengths)


@pytest.mark.parametrize("sign", ["漢", "か", "x", "ก"])
def test_a_text_without_spaces_is_cut_too(sign: str) -> None:
    text = sign * 10_000
    spans = chunk_spans(text, most_words=100, overlap_words=20)
    assert len(spans) > 2
    assert all(one.end - one.start <= 4000 for one in spans)


def test_a_short_text_stays_as_it_is() -> None:
    assert chunk_spans("  Short. \n", most_words=10, overlap_words=0) == [Span(0, 10)]
    assert chunk_spans("", most_words=10, overlap_words=0) == [Span(0, 0)]
    spaced = "a" + " " * 1000 + "b"
    assert chunk_spans(spaced, most_words=10, overlap_words=0) == [Span(0, len(spaced))]


@pytest.mark.parametrize(("most", "overlap"), [(9, 0), (0, 0), (10, 6), (10, -1)])
def test_lengths_that_make_no_sense(most: int, overlap: int) -> None:
    with pytest.raises(InputError):
        chunk_spans("x", most_words=most, overlap_words=overlap)


def test_the_beginning_of_a_text() -> None:
    assert first_words("one two three", 2) == "one two …"
    assert first_words("漢字漢字", 2) == "漢字 …"
    assert first_words("one two", 2) == "one two"
