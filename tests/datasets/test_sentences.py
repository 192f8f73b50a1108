"""First sentences of docstrings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.datasets.sentences import plain_words, split_first_sentence


@pytest.mark.parametrize(
    ("text", "sentence", "rest"),
    [
        ("Return the sum. Then stop.", "Return the sum.", "Then stop."),
        ("One line", "One line", ""),
        ("Broken\nover lines\n\nRest.", "Broken over lines", "Rest."),
        (
            "Take some, e.g. Tuples, or i.e. Lists. Rest.",
            "Take some, e.g. Tuples, or i.e. Lists.",
            "Rest.",
        ),
        ("Lists, tuples, etc. Rest.", "Lists, tuples, etc.", "Rest."),
        ("Lists etc. are fine. Rest.", "Lists etc. are fine.", "Rest."),
        ("Use os.path.join here. Rest.", "Use os.path.join here.", "Rest."),
        ("Is it so? Yes.", "Is it so?", "Yes."),
        ("It is (really so.) Rest.", "It is (really so.)", "Rest."),
        ("By J. Doe of old. Rest.", "By J. Doe of old.", "Rest."),
        ("b64encode(s) -> bytes\n\nEncode s. Rest.", "Encode s.", "Rest."),
        ("join(a, *p)\nJoin paths.\n\nRest.", "Join paths.", "Rest."),
        ("Call :func:`open` or :class:`~io.IOBase`. Rest.", "Call open or io.IOBase.", "Rest."),
        ("Read ``x`` and `y' as *text*. >>> 1", "Read x and y as text.", ">>> 1"),
        ("One of these:\n  a\n  b", "One of these:", "a\n  b"),
        ("", "", ""),
    ],
)
def test_sentence_and_rest(text: str, sentence: str, rest: str) -> None:
    assert split_first_sentence(text) == (sentence, rest)


@given(st.text(max_size=200))
def test_the_rest_is_the_end_of_the_text(text: str) -> None:
    sentence, rest = split_first_sentence(text)
    assert text.strip().endswith(rest)
    assert sentence == " ".join(sentence.split())


def test_arithmetic_is_no_emphasis() -> None:
    assert (
        plain_words("Return a * b and 2**n, **kwargs too") == "Return a * b and 2**n, **kwargs too"
    )
