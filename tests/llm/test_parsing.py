from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.llm.parsing import parse_json_object

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
