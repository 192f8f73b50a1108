from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syneg.datasets.dataset import RetrievalDataset
from syneg.synthesis.pairs import first_pairs, first_positives

JUDGED = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 2)), max_size=25
).map(lambda rows: list({(query, doc): (query, doc, grade) for query, doc, grade in rows}.values()))


def dataset(judged: list[tuple[int, int, int]]) -> RetrievalDataset:
    return RetrievalDataset.from_rows(
        "h",
        corpus=[(f"d{number}", "", "x") for number in range(6)],
        queries=[(f"q{number}", "y") for number in range(6)],
        qrels={"train": [(f"q{query}", f"d{doc}", grade) for query, doc, grade in judged]},
    )


@given(JUDGED)
def test_the_first_positive_is_the_best_and_then_the_first(
    judged: list[tuple[int, int, int]],
) -> None:
    best: dict[str, tuple[int, str]] = {}
    for query, doc, grade in judged:
        if grade and grade > best.get(f"q{query}", (0, ""))[0]:
            best[f"q{query}"] = (grade, f"d{doc}")
    pairs = [tuple(pair) for pair in first_positives(dataset(judged), "train")]
    # In order of the queries' first positive judgements.
    order = dict.fromkeys(f"q{query}" for query, _, grade in judged if grade)
    assert pairs == [(query, best[query][1]) for query in order]


@given(JUDGED, st.integers(0, 3))
def test_the_order_of_asking_is_that_of_the_whole_whatever_is_left_out(
    judged: list[tuple[int, int, int]], seed: int
) -> None:
    data = dataset(judged)
    whole = first_pairs(data, "train").shuffled(data, seed).queries.tolist()
    some = [f"q{row}" for row in whole if row % 2]
    part = first_pairs(data, "train", some).shuffled(data, seed).queries.tolist()
    assert part == [row for row in whole if row % 2]
