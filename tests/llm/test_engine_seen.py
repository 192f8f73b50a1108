from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syneg.files import value_hash
from syneg.llm.protocol import ChatRequest
from syneg.llm.seen import SeenKeys

KEYS = st.integers(min_value=0, max_value=60).map(lambda number: f"{number * 2**58:016x}")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.lists(KEYS, max_size=20), max_size=30))
def test_seen_keys_are_a_set(chunks: list[list[str]]) -> None:
    seen, expected = SeenKeys(), set[str]()
    for chunk in chunks:
        told = []
        for key in chunk:
            told.append(key not in expected)
            expected.add(key)
        assert seen.add(chunk) == told
    assert len(seen) == len(expected)


TEXT = st.text(alphabet=st.characters(codec=None) | st.sampled_from('\\"\n\t\r\x00\x7f'))


@given(
    TEXT,
    TEXT,
    st.none() | st.dictionaries(st.text(), JSON, max_size=3),
    st.floats() | st.integers(min_value=0, max_value=2),
    st.integers(),
)
def test_keys_are_the_hash_of_everything_that_is_sent(
    system: str, user: str, schema: dict[str, Any] | None, temperature: float, seed: int
) -> None:
    request = ChatRequest(
        system=system, user=user, schema=schema, temperature=temperature, seed=seed
    )
    whole = ["m", system, user, schema, temperature, 512, seed, 0]
    assert request.key("m") == value_hash(whole)


def test_a_schema_that_is_changed_makes_another_key() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
    request = ChatRequest(system="s", user="u", schema=schema)
    before = request.key("m")
    assert request.key("m") == before
    schema["properties"]["a"]["type"] = "number"
    assert request.key("m") != before
