from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.errors import InputError
from syneg.mining.references import Reference
from syneg.mining.rule_kinds import KINDS
from syneg.mining.rules import known_rules, parse_rules
from syneg.mining.source_names import parse_sources


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("rank:1-30", "rank:1-30"),
        ("rank:30", "rank:1-30"),
        ("rank:5-", "rank:5-"),
        ("perc-pos:0.95", "perc-pos:0.95"),
        ("perc-pos:share=0.9", "perc-pos:0.9"),
        ("margin:-0.1", "margin:-0.1"),
        ("margin:1e-05", "margin:1e-05"),
        ("top", "top"),
        ("top:4", "top:4"),
        ("simans:b=0,a=0.5", "simans:a=0.5,b=0"),
        ("simans:a=0.123456789,b=0,n=30", "simans:a=0.123456789,b=0,n=30"),
    ],
)
def test_a_rule_is_written_the_same_way_whatever_way_it_was_given(written: str, read: str) -> None:
    (rule,) = parse_rules([written])
    assert rule.text == read
    assert parse_rules([rule.text]) == (rule,)


def test_every_rule_is_shown_as_it_is_written() -> None:
    for name, kind in KINDS.items():
        for form in kind.form.split(", "):
            assert parse_rules([form])[0].name == name
        assert kind.form in known_rules()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("perc-poss:0.95", "did you mean 'perc-pos:0.95'"),
        ("nonsense", "one of: rank, perc-pos"),
        ("perc-pos", "write it like perc-pos:0.95"),
        ("perc-pos:", "write it like perc-pos:0.95"),
        ("perc-pos:95", "above 0, at most 1"),
        ("perc-pos:0", "above 0, at most 1"),
        ("perc-pos:nan", "cannot be read"),
        ("perc-pos:0.9,0.8", "cannot be read"),
        ("margin:x", "cannot be read"),
        ("margin:inf", "must be a number"),
        ("rank:30-1", "must not be above the last"),
        ("rank:0-5", "counted from 1"),
        ("rank:-", "cannot be read"),
        ("rank", "cannot be read"),
        ("top:0", "whole number from 1"),
        ("top:1.5", "whole number from 1"),
        ("simans:a=1", "write it like simans:a=0.5,b=0"),
        ("simans:a=-1,b=0", "a must be a number from 0"),
        ("simans:a=1,b=0,c=3", "cannot be read"),
        ("simans:a=1,a=2,b=0", "cannot be read"),
    ],
)
def test_a_wrong_rule_is_told_with_its_remedy(written: str, told: str) -> None:
    with pytest.raises(InputError, match="field 'select'") as raised:
        parse_rules([written])
    assert told in str(raised.value)
    assert repr(written) in str(raised.value)


def test_at_most_one_rule_chooses_and_it_comes_last() -> None:
    with pytest.raises(InputError, match="several rules that choose"):
        parse_rules(["top random"])
    with pytest.raises(InputError, match="put it last"):
        parse_rules(["top", "margin:0.1"])


def test_too_many_rules_are_refused() -> None:
    with pytest.raises(InputError, match="at most 100"):
        parse_rules(["margin:0.1"] * 101)


@given(st.text(max_size=20))
def test_whatever_is_given_is_read_or_refused(text: str) -> None:
    for parse in (parse_rules, parse_sources):
        try:
            parse([text])
        except InputError:
            continue


def test_the_fingerprint_holds_what_decides_and_nothing_else() -> None:
    share, margin, rank, top = parse_rules(["perc-pos:0.95 margin:0.05 rank:9 top:3"])
    marks = {rule.fingerprint("nearest", 0) for rule in (share, margin, rank, top)}
    assert len(marks) == 4
    assert share.fingerprint("nearest", 0) != share.fingerprint(Reference.MEAN.value, 0)
    assert share.fingerprint("nearest", 0) == share.fingerprint("nearest", 1)
    assert rank.fingerprint("nearest", 0) == rank.fingerprint("mean", 0)
    assert top.fingerprint("nearest", 0) != top.fingerprint("nearest", 1)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (["bm26"], "did you mean 'bm25'"),
        (["fusion:bm25"], "at least two"),
        (["fusion:bm25+fusion:bm25+dense"], "at least two"),
        (["fusion:bm25+bm25"], "stands twice"),
        (["run"], "write it like run:FILE"),
        (["run:"], "write it like run:FILE"),
        (["bm25:english"], "write it like bm25"),
        (["dense", "dense"], "stands twice"),
        ([], "no source is named"),
    ],
)
def test_a_wrong_source_is_told_with_its_remedy(written: list[str], told: str) -> None:
    with pytest.raises(InputError, match="sources") as raised:
        parse_sources(written)
    assert told in str(raised.value)
