from __future__ import annotations

import pytest

from syneg.filters.gates import check_copy, check_format, check_repetition, check_self_check
from syneg.filters.language import CollectionLanguage, check_language
from syneg.filters.options import GateOptions
from syneg.filters.telltale import check_telltale
from syneg.filters.words import different_runs, words

OPTIONS = GateOptions()
POSITIVE = (
    "Rayleigh scattering of sunlight by molecules of the air is strongest at short "
    "wavelengths. An observer on the ground therefore receives more blue light than red light."
)


def copied(text: str) -> bool:
    relevant = [different_runs(words(POSITIVE), OPTIONS.copy_words)]
    return check_copy(words(text), ["query"], relevant, OPTIONS).drop


HIDDEN = ["\u200b", "\u00ad", "\u2060", "\ufeff", "\u200d", "\ufe0f", "\u0336", "\u034f"]


@pytest.mark.parametrize("sign", HIDDEN)
def test_signs_hidden_in_words_hide_no_copy(sign: str) -> None:
    assert copied(POSITIVE.replace("e", f"e{sign}"))


def test_other_forms_of_letters_hide_no_copy() -> None:
    full_width = "".join(chr(ord(one) + 0xFEE0) if one.isalpha() else one for one in POSITIVE)
    assert full_width != POSITIVE
    assert copied(full_width)


HOSTILE = {
    "dots": "." * 1_000_000 + "a",
    "line breaks": "\n" * 1_000_000 + "Sure, here is it",
    "one letter": "a" * 1_000_000,
    "marks on a letter": "a" + "\u0301\u0316" * 500_000,
    "emoji": "👩‍👩‍👧" * 50_000,
    "spaces": "as an AI" + " " * 1_000_000 + "model",
    "half a pair": "\ud800 word " * 30_000,
    "words": "word " * 100_000,
    "right to left": "\u202eשלום עולם " * 30_000,
    "quotes": '"' * 1_000_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", list(HOSTILE))
def test_a_very_long_text_of_anything_is_judged(kind: str) -> None:
    text = HOSTILE[kind]
    check_format(text, None)
    check_repetition(text, OPTIONS)
    check_copy(words(text), ["query"], [different_runs(words(POSITIVE), 5)], OPTIONS)
    check_telltale(text, [text], OPTIONS)
    check_language(text, words(text), POSITIVE, CollectionLanguage(), OPTIONS, None)
    check_self_check(text)
