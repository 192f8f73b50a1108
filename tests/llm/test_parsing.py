from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syneg.llm.parsing import parse_json_array, parse_json_object
from syneg.llm.refusals import is_refusal

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(), values, max_size=5)
# Prose opens no object, ends no thought.
prose = st.text().filter(lambda text: "{" not in text and "<" not in text)


@given(objects, st.booleans(), st.sampled_from([None, 2]))
def test_every_object_is_read_back(
    value: dict[str, object], ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, allow_nan=False)
    assert parse_json_object(text) == json.loads(text)


@given(objects, prose, prose, st.sampled_from(["{}", "```json\n{}\n```", "```\n{}```"]))
def test_what_stands_around_is_passed_over(
    value: dict[str, object], before: str, after: str, fence: str
) -> None:
    body = fence.replace("{}", json.dumps(value).replace("</think>", ""))
    expected = json.loads(json.dumps(value).replace("</think>", ""))
    assert parse_json_object(f"{before}:\n{body}\n{after}") == expected


@given(objects, objects)
def test_a_thought_is_no_answer(thought: dict[str, object], answer: dict[str, object]) -> None:
    text = f"<think>\n{json.dumps(thought)} maybe\n</think>\n{json.dumps(answer)}"
    if "</think>" in json.dumps(answer):
        return
    assert parse_json_object(text) == answer


@given(objects.filter(bool), st.data())
def test_a_cut_off_object_is_never_taken(value: dict[str, object], data: st.DataObject) -> None:
    text = json.dumps(value)
    length = data.draw(st.integers(min_value=2, max_value=len(text) - 1))
    with pytest.raises(ValueError, match=r"^(cut off|no JSON object)$"):
        parse_json_object(text[:length])


@given(st.text() | st.text(alphabet='{}[]":,\\ an1'))
def test_any_text_gives_an_object_or_a_reason(text: str) -> None:
    try:
        value = parse_json_object(text)
    except ValueError as error:
        assert str(error) in ("cut off", "no JSON object", "not an object")
    else:
        assert isinstance(value, dict)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": "two\nlines\tand a tab"}', {"a": "two\nlines\tand a tab"}),
        ('{"a": "a \\"quoted {\\" brace"}', {"a": 'a "quoted {" brace'}),
        ('Sets use { and }. Then: {"a": 1}', {"a": 1}),
        ('{"a": {"b": 1}, wrong} {"c": 2}', {"c": 2}),
        ('{"a": 1} {"b": 2}', {"a": 1}),
        ('{"a": "<think>not a thought</think>"}', {"a": "<think>not a thought</think>"}),
        ('a thought without a beginning </think> {"a": 1}', {"a": 1}),
        ("{}", {}),
    ],
)
def test_single_cases(text: str, expected: dict[str, object]) -> None:
    assert parse_json_object(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON object"),
        ("I cannot do that.", "no JSON object"),
        ('[{"a": 1}]', "not an object"),
        ('"text"', "not an object"),
        ('{"a": NaN}', "no JSON object"),
        ('{"a": ' + "9" * 5000 + "}", "no JSON object"),
        ('{"a": "b', "cut off"),
        ('{"a": "b\\', "cut off"),
        ("<think> never done", "cut off"),
        ('{"a":' * 100_000, "cut off"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "no JSON object"),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_json_object(text)


def test_long_texts_take_no_time() -> None:
    for text in ('"' * 300_000, "{" * 300_000, '{"' * 150_000, '{"a" x}' * 50_000, "\\" * 300_000):
        with pytest.raises(ValueError, match=r"cut off|no JSON object"):
            parse_json_object(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<thinking>{'a': 0}</thinking>{\"a\": 1}", {"a": 1}),
        ('<reasoning>{"a": 0}</reasoning>\n{"a": 1}', {"a": 1}),
        ('[THINK]{"a": 0}[/THINK]{"a": 1}', {"a": 1}),
        (
            '<|channel|>analysis<|message|>{"a": 0}<|end|><|start|>assistant'
            '<|channel|>final <|constrain|>json<|message|>{"a": 1}<|return|>',
            {"a": 1},
        ),
        ('analysisWe need {"a": 0}.assistantfinal{"a": 1}', {"a": 1}),
        ('{"a": "<|channel|>analysis<|message|>"}', {"a": "<|channel|>analysis<|message|>"}),
        ('{"a": [1, 2,], "b": {"c": null,},}', {"a": [1, 2], "b": {"c": None}}),
        ("{'a': 'b', 'c': [True, None, -1.5e3]}", {"a": "b", "c": [True, None, -1500.0]}),
        ("{'a': 'say \"x\" {'}", {"a": 'say "x" {'}),
        ("{'a': 'it\\'s'}", {"a": "it's"}),
        ('{"a": "it\\\'s"}', {"a": "it's"}),
        ("{'a': 'line\nbreak \\u00e9'}", {"a": "line\nbreak é"}),
        ("Sets are {'x'} here. {'a': 1}", {"a": 1}),
        ("```python\n{'a': 1}\n```", {"a": 1}),
    ],
)
def test_thoughts_and_misspellings(text: str, expected: dict[str, object]) -> None:
    assert parse_json_object(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[THINK] never done", "cut off"),
        ('<think>a draft {"a": 1}</think>', "no JSON object"),
        ('<|channel|>analysis<|message|>never {"a": 1}', "cut off"),
        ("{'a': 'b', 'c", "cut off"),
        ("{'a': 'it's'}", "no JSON object"),
        ("{'a': 'b' 'c': 1}", "no JSON object"),
        ('{"a": "he said "no" to it"}', "no JSON object"),
        ("{'a': __import__('os')}", "no JSON object"),
        ("{'a': 1 + 1}", "no JSON object"),
        ("{'a':" * 100_000, "no JSON object"),
        ("{'a' x}" * 50_000, "no JSON object"),
    ],
)
def test_what_is_not_mended(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_json_object(text)


@settings(max_examples=50)
@given(objects)
def test_pythons_spelling_is_understood_where_it_is_plain(value: dict[str, object]) -> None:
    try:
        found = parse_json_object(repr(value))
    except ValueError:
        return
    assert found == value or "\\x" in repr(value) or "\\U" in repr(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"a": 1}]', [{"a": 1}]),
        ('See [1].\n[{"a": 1}, {"a": 2},]', [{"a": 1}, {"a": 2}]),
        ("[]", []),
    ],
)
def test_arrays(text: str, expected: list[object]) -> None:
    assert parse_json_array(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [('[{"a": 1}, {"a"', "cut off"), ('{"a": []}', "not an array"), ("no [1]", "no JSON array")],
)
def test_what_is_no_array(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_json_array(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can’t assist with that request.",
        "Sorry, I cannot do that.",
        "I cannot provide misleading medical information.",
        "**I apologize, but I'm not able to create false documents.**",
        "As an AI language model, I cannot write this.",
        "<think>They ask for it.</think>I won't help with this.",
        "Unfortunately, I am unable to comply.",
    ],
)
def test_words_of_refusal(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The trial cannot help patients. I'm sorry to say so.",
        "I can write that: title, text.",
        "Sorry for the delay. Here is the document about ants.",
        '{"text": "I\'m sorry, but I can\'t assist."}',
        "<think>I can't assist",
    ],
)
def test_words_that_are_no_refusal(text: str) -> None:
    assert not is_refusal(text)
