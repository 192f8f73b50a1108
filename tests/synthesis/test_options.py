from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from syneg.synthesis.options import LEVELS, SynthesisOptions


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prompt": "plain", "reflection": "verify"}, "'plain' is the one without reflection"),
        ({"prompt": "plain", "reflection": "inline"}, "leave reflection away"),
        ({"verify_rounds": 2}, "verify_rounds needs reflection 'verify'"),
        ({"prompt": "causal", "negatives_per_call": 3}, "set per_query"),
        ({"prompt": "graded", "negatives_per_call": 2}, "'graded' cannot write 2"),
        ({"per_query": 4, "negatives_per_call": 3}, "4 is no multiple of negatives_per_call 3"),
        ({"levels": ["near", "far"]}, "levels are for the prompt 'graded'"),
        ({"prompt": "graded", "levels": ["near", "farther"]}, "'farther' is no known level"),
        ({"prompt": "graded", "levels": {"a b": "x", "c": "y"}}, "cannot be named 'a b'"),
        ({"prompt": "graded", "levels": {"text": "x", "c": "y"}}, "cannot be named 'text'"),
        ({"prompt": "graded", "levels": {"c": "y"}}, "at least 2"),
        ({"max_tokens": 100}, "no room for a text of 160 words: raise it to 300"),
        ({"prompt": "sineg"}, "syneg"),
        ({"levels": 5}, "dictionary"),
    ],
)
def test_settings_that_contradict_each_other_are_told(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SynthesisOptions.model_validate(options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"negatives_per_call": 3},
        {"prompt": "plain"},
        {"prompt": "graded", "levels": ["near", "far"], "reflection": "verify"},
        {"prompt": "graded", "levels": {"hard": "one need unmet", "easy": "another subject"}},
        {"reflection": "verify", "verify_rounds": 3},
    ],
)
def test_what_was_written_down_is_read_again(options: dict[str, Any]) -> None:
    chosen = SynthesisOptions.model_validate(options)
    assert SynthesisOptions.model_validate(chosen.model_dump(mode="json")) == chosen


def test_known_levels_have_their_meaning() -> None:
    chosen = SynthesisOptions.model_validate({"prompt": "graded", "levels": ["far", "near"]})
    assert chosen.levels == {"far": LEVELS["far"], "near": LEVELS["near"]}
    assert (chosen.texts_per_call, chosen.calls_per_query) == (2, 1)
