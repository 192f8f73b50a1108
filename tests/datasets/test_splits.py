"""Held-out queries share no relevant document with the queries trained on."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.splits import hold_out_development, ordered_splits, positives_seen
from syneg.errors import InputError

Pairs = list[tuple[str, str, int]]


def data_set(**qrels: Pairs) -> RetrievalDataset:
    rows = [row for pairs in qrels.values() for row in pairs]
    return RetrievalDataset.from_rows(
        "made",
        corpus=[(name, "", name) for name in sorted({row[1] for row in rows})],
        queries=[(name, name) for name in sorted({row[0] for row in rows})],
        qrels=qrels,
    )


def single_pairs(count: int) -> Pairs:
    return [(f"q{number}", f"d{number}", 1) for number in range(count)]


def positives(data: RetrievalDataset, split: str) -> set[str]:
    return set(data.positives(split)["doc_id"].to_pylist())


@given(
    pairs=st.lists(
        st.tuples(st.integers(0, 25), st.integers(0, 40), st.integers(0, 2)),
        min_size=1,
        max_size=60,
        unique_by=lambda pair: pair[:2],
    ),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 5),
)
def test_sides_share_no_relevant_document_and_nothing_is_lost(
    pairs: list[tuple[int, int, int]], fraction: float, seed: int
) -> None:
    data = data_set(
        train=[(f"q{query}", f"d{document}", grade) for query, document, grade in pairs]
    )
    try:
        held = hold_out_development(data, fraction=fraction, seed=seed)
    except InputError as error:
        assert "hang together" in str(error)
        return
    assert not positives(held, "train") & positives(held, "dev")
    assert not set(held.query_ids("train")) & set(held.query_ids("dev"))
    assert held.positives("train").num_rows
    assert held.positives("dev").num_rows
    both = [*held.judgements("train").to_pylist(), *held.judgements("dev").to_pylist()]
    assert sorted(map(str, both)) == sorted(map(str, data.judgements("train").to_pylist()))
    assert held.corpus == data.corpus
    assert held.queries == data.queries


@given(st.randoms(use_true_random=False))
def test_choice_does_not_depend_on_the_order_of_rows(chance: random.Random) -> None:
    pairs = [(f"q{number}", f"d{number // 2}", 1) for number in range(40)]
    expected = set(hold_out_development(data_set(train=pairs), seed=3).query_ids("dev"))
    chance.shuffle(pairs)
    assert set(hold_out_development(data_set(train=pairs), seed=3).query_ids("dev")) == expected


def test_share_and_ceiling_are_kept() -> None:
    data = data_set(train=single_pairs(100), test=[("t", "d1", 1)])
    held = hold_out_development(data, fraction=0.25)
    assert {split: len(held.query_ids(split)) for split in held.splits} == {
        "train": 75,
        "dev": 25,
        "test": 1,
    }
    assert held.notes == ("dev: 25 of the 100 queries of train, held out with seed 0",)
    assert len(hold_out_development(data, largest=7).query_ids("dev")) == 7


def test_another_seed_is_another_choice() -> None:
    data = data_set(train=single_pairs(100))
    choices = [frozenset(hold_out_development(data, seed=seed).query_ids("dev")) for seed in (0, 1)]
    assert choices[0] != choices[1]


def test_a_development_split_that_is_there_is_left_alone() -> None:
    data = data_set(train=single_pairs(5), dev=[("v", "d0", 1)])
    assert hold_out_development(data) is data
    assert hold_out_development(data, name="held").splits == ["train", "dev", "held"]


def test_judgements_of_irrelevant_documents_go_with_their_query() -> None:
    data = data_set(train=[*single_pairs(4), *((f"q{number}", "d9", 0) for number in range(4))])
    held = hold_out_development(data)
    assert held.judgements("dev").num_rows == 2
    assert held.judgements("train").num_rows == 6


def test_when_every_group_is_too_large_the_smallest_is_moved() -> None:
    large = [(f"a{number}", "d1", 1) for number in range(6)]
    small = [(f"b{number}", "d2", 1) for number in range(4)]
    held = hold_out_development(data_set(train=large + small), fraction=0.1)
    assert held.query_ids("dev") == ["b0", "b1", "b2", "b3"]
    with pytest.raises(InputError, match=r"field 'largest'.*has 4.*allow at least 4"):
        hold_out_development(data_set(train=large + small), largest=3)


def test_queries_that_all_hang_together_cannot_be_parted() -> None:
    chain = [("q1", "d1", 1), ("q2", "d1", 1), ("q2", "d2", 1), ("q3", "d2", 1)]
    with pytest.raises(InputError, match=r"document \(3\) all hang together.*give the data set"):
        hold_out_development(data_set(train=chain))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"fraction": 0.0}, "fraction"),
        ({"fraction": 1.0}, "fraction"),
        ({"fraction": float("nan")}, "fraction"),
        ({"largest": 0}, "largest"),
        ({"split": "training"}, "split"),
    ],
)
def test_arguments_out_of_range_are_named(arguments: dict[str, float], field: str) -> None:
    with pytest.raises(InputError, match=f"field '{field}'"):
        hold_out_development(data_set(train=single_pairs(5)), **arguments)


def test_positives_seen_in_training() -> None:
    data = data_set(
        train=[("a", "d1", 1), ("a", "d2", 0)],
        test=[("x", "d3", 1), ("x", "d1", 2), ("y", "d2", 1), ("z", "d1", 0)],
    )
    # y's document is judged in train, but not relevant there; z has no relevant document.
    assert positives_seen(data, "test") == {"x": True, "y": False, "z": False}
    assert positives_seen(data, "test", train="test") == {"x": True, "y": True, "z": False}
    with pytest.raises(InputError, match="no such split"):
        positives_seen(data, "dev")


def test_columns_in_several_pieces_are_read_whole() -> None:
    data = data_set(train=single_pairs(20))
    pieces = pa.concat_tables([data.qrels["train"].slice(0, 7), data.qrels["train"].slice(7)])
    held = hold_out_development(data.with_qrels({"train": pieces}))
    assert held.query_ids("dev") == hold_out_development(data).query_ids("dev")


@given(st.permutations(["train", "dev", "test", "a", "b"]))
def test_normal_order_of_splits(names: list[str]) -> None:
    assert ordered_splits(names) == ["train", "dev", "test", "a", "b"]
