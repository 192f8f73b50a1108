from __future__ import annotations

import numpy as np
import pytest

from syneg.errors import InputError
from syneg.studies.arm_values import arm_values
from syneg.studies.results import CellResult
from syneg.studies.statistics import hierarchical_difference, holm
from syneg.studies.tables import ArmRow, arm_table, choose_on_development, comparison

from .cells import cell, study


def row(rows: list[ArmRow], arm: str, name: str = "all") -> ArmRow:
    return next(one for one in rows if (one.arm, one.slice) == (arm, name))


def test_arms_and_slices_stand_in_the_order_in_which_they_came() -> None:
    rows = arm_table(study({"mined": 0.1, "graded": 0.2}, datasets=["scifact"]), "scifact")
    assert [(one.slice, one.arm) for one in rows] == [
        (name, arm)
        for name in ("all", "seen", "unseen")
        for arm in ("unmodified", "mined", "graded")
    ]


def test_means_and_deviations_by_hand() -> None:
    cells = [
        cell("unmodified", test=[0.0, 0.5, 0.5, 1.0]),
        cell("mined", 0, test=[0.5, 0.5, 1.0, 1.0]),
        cell("mined", 1, test=[0.25, 0.75, 0.5, 0.5]),
    ]
    rows = arm_table(cells, "scifact")
    mined = row(rows, "mined")
    assert (mined.queries, mined.seeds, mined.mean) == (4, 2, 0.625)
    assert mined.deviation == pytest.approx(np.std([0.75, 0.5], ddof=1))
    assert mined.difference is not None
    assert mined.difference.difference == pytest.approx(0.125)
    assert (row(rows, "mined", "seen").mean, row(rows, "mined", "unseen").mean) == (0.5, 0.75)
    baseline = row(rows, "unmodified")
    assert (baseline.mean, baseline.deviation, baseline.difference, baseline.adjusted) == (
        0.5, None, None, None,
    )  # fmt: skip


def test_the_difference_is_the_hierarchical_one() -> None:
    cells = study({"mined": 0.02}, datasets=["scifact"])
    values = [np.array(one.per_query["ndcg@10"])[2:] for one in cells]
    # Queries are put in the order of their names.
    order = np.argsort([f"q{place}" for place in range(60)])
    first, second = np.array(values[:1])[:, order], np.array(values[1:])[:, order]
    assert row(arm_table(cells, "scifact"), "mined").difference == hierarchical_difference(
        first, second
    )


def test_the_order_of_queries_in_a_cell_does_not_matter() -> None:
    values = list(np.random.default_rng(0).random(20))
    names = [f"q{place}" for place in range(20)]
    seen = [place < 8 for place in range(20)]
    baseline = cell("unmodified", test=values[::-1], names=names[::-1], seen=seen[::-1])
    mined = cell("mined", test=[one + 0.1 for one in values], names=names, seen=seen)
    difference = row(arm_table([baseline, mined], "scifact"), "mined", "unseen").difference
    assert difference is not None
    assert difference.queries == 12
    assert difference.low == pytest.approx(0.1)
    assert difference.high == pytest.approx(0.1)


def test_seeds_are_paired_by_their_name_and_not_by_their_place() -> None:
    generator = np.random.default_rng(1)
    of_seed = {seed: generator.normal(0, 0.1) for seed in range(4)}

    def one(arm: str, seed: int, gain: float) -> CellResult:
        values = 0.5 + of_seed[seed] + gain + generator.normal(0, 0.01, 40)
        return cell(arm, seed, test=list(values))

    mined = [one("mined", seed, 0.0) for seed in (0, 1, 2)]
    same = [one("graded", seed, 0.05) for seed in (2, 1, 0)]
    others = [one("graded", seed, 0.05) for seed in (1, 2, 3)]
    paired = comparison([*mined, *same], ["scifact"], ("mined", "graded"))[0].difference
    unpaired = comparison([*mined, *others], ["scifact"], ("mined", "graded"))[0].difference
    assert paired.standard_error < unpaired.standard_error / 3
    cells = [*mined, *others]
    first, second = (
        arm_values(cells, "scifact", arm, "test", "ndcg@10").values for arm in ("mined", "graded")
    )
    expected = hierarchical_difference(first, second, paired=False)
    assert unpaired.standard_error == pytest.approx(expected.standard_error)


def test_p_values_are_adjusted_within_a_slice() -> None:
    cells = study({"mined": 0.01, "graded": 0.02, "pure": -0.01}, datasets=["scifact"])
    for name in ("all", "seen", "unseen"):
        arms = [one for one in arm_table(cells, "scifact") if one.slice == name][1:]
        p_values = [one.difference.p_value for one in arms if one.difference]
        assert [one.adjusted for one in arms] == holm(p_values)


def test_the_comparison_named_in_advance_is_in_no_family() -> None:
    cells = study({"mined": 0.01, "graded": 0.02, "pure": -0.01}, datasets=["scifact"])
    rows = arm_table(cells, "scifact", hypothesis=("unmodified", "graded"))
    assert row(rows, "graded").adjusted is None
    rest = [row(rows, arm) for arm in ("mined", "pure")]
    p_values = [one.difference.p_value for one in rest if one.difference]
    assert [one.adjusted for one in rest] == holm(p_values)
    # Of two trained arms no row of this table is the named one.
    rows = arm_table(cells, "scifact", hypothesis=("mined", "graded"))
    assert None not in [one.adjusted for one in rows if one.arm != "unmodified"]


def test_without_the_baseline_there_are_means_but_no_differences() -> None:
    cells = [one for one in study({"mined": 0.1}) if one.arm != "unmodified"]
    rows = arm_table(cells, "scifact")
    assert [one.difference for one in rows] == [None] * 3
    assert row(rows, "mined").seeds == 3


def test_a_slice_of_one_query_has_means_and_of_none_no_rows() -> None:
    few = [
        cell(arm, test=[0.1, 0.2, 0.3], seen=[True, False, False])
        for arm in ("unmodified", "mined")
    ]
    assert row(arm_table(few, "scifact"), "mined", "seen").difference is None
    none = [cell(arm, test=[0.1, 0.2], seen=[False, False]) for arm in ("unmodified", "mined")]
    assert {one.slice for one in arm_table(none, "scifact")} == {"all", "unseen"}


def test_any_split_and_metric_can_be_shown() -> None:
    cells = [cell("mined", test=[0.0, 0.0], development=[0.5, 1.0])]
    assert row(arm_table(cells, "scifact", "development", "recall@100"), "mined").mean == 0.75


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        (cell("mined", test=[0.5] * 3), r"2 queries are in both, 0 only .* 1 only in the second"),
        (cell("mined", test=[0.5] * 2, names=["q0", "x"]), r"1 queries are in both, 1 only in the"),
        (cell("mined", test=[0.5] * 2, seen=[True, True]), r"1 queries count as seen .* 'q1'"),
        (cell("mined", test=[0.5] * 2, names=["q0", "q0"]), r"'mined' on 'scifact' .* twice"),
        (cell("mined", test=[0.5, float("nan")]), "has no number as ndcg@10"),
        (cell("unmodified", test=[0.5] * 2), "have the same seed"),
        (cell("unmodified", 1, test=[0.5] * 3), r"seed 0.* and .*seed 1.* cannot be compared"),
    ],
)
def test_cells_that_do_not_fit_together_are_refused(other: CellResult, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        arm_table([cell("unmodified", test=[0.5] * 2), other], "scifact")


def test_arms_that_do_not_fit_are_refused_without_a_baseline_too() -> None:
    with pytest.raises(InputError, match="cannot be compared"):
        arm_table([cell("mined", test=[0.5] * 2), cell("graded", test=[0.5] * 3)], "scifact")


def test_unknown_names_are_refused() -> None:
    cells = study({"mined": 0.1})
    with pytest.raises(InputError, match=r"no cell of this data set .*'quora'"):
        arm_table(cells, "quora")
    with pytest.raises(InputError, match="did you mean 'ndcg@10'"):
        arm_table(cells, "scifact", metric="ndcg10")
    with pytest.raises(InputError, match="has no queries of split 'train'"):
        arm_table(cells, "scifact", "train")


def test_the_named_comparison_is_pooled_first_and_then_by_data_set() -> None:
    cells = study({"mined": 0.05, "graded": 0.15})
    rows = comparison(cells, ["scifact", "covidqa"], ("mined", "graded"))
    both = ("scifact", "covidqa")
    assert [(one.datasets, one.slice) for one in rows] == [
        (datasets, name)
        for datasets in (both, both[:1], both[1:])
        for name in ("all", "seen", "unseen")
    ]
    pooled, scifact, covidqa = (one.difference for one in rows[::3])
    assert pooled.difference == pytest.approx((scifact.difference + covidqa.difference) / 2)
    assert pooled.queries == 120
    assert pooled.low > 0
    assert pooled.p_value < 0.01
    assert pooled.first < pooled.second


def test_one_data_set_is_not_pooled() -> None:
    rows = comparison(study({"mined": 0.1, "graded": 0.1}), ["covidqa"], ("mined", "graded"))
    assert [one.datasets for one in rows] == [("covidqa",)] * 3


def test_a_slice_that_one_data_set_lacks_is_pooled_over_the_others() -> None:
    values = list(np.random.default_rng(2).random(10))
    cells = [
        cell(arm, test=values, dataset=dataset, seen=[dataset == "scifact"] * 5 + [False] * 5)
        for arm in ("mined", "graded")
        for dataset in ("scifact", "covidqa")
    ]
    rows = comparison(cells, ["scifact", "covidqa"], ("mined", "graded"))
    assert [one.datasets for one in rows if one.slice == "seen"] == [("scifact",), ("scifact",)]


def test_a_named_comparison_needs_both_arms() -> None:
    cells = study({"mined": 0.1, "graded": 0.1})
    with pytest.raises(InputError, match="no cell of arm 'grated' on data set 'scifact'"):
        comparison(cells, ["scifact"], ("mined", "grated"))
    with pytest.raises(InputError, match="needs two arms"):
        comparison(cells, ["scifact"], ("mined", "mined"))
    with pytest.raises(InputError, match="needs two arms"):
        comparison(cells, [], ("mined", "graded"))


def test_the_choice_looks_at_the_development_split_alone() -> None:
    cells = [
        cell("mined", 0, test=[1.0, 1.0], development=[0.2, 0.4]),
        cell("graded", 0, test=[0.0, 0.0], development=[0.4, 0.4]),
        cell("pure", 0, test=[0.5, 0.5], development=[0.9, 0.9]),
    ]
    assert choose_on_development(cells, "scifact", ["mined", "graded"]) == "graded"
    assert choose_on_development(cells, ["scifact"], ["mined", "graded", "pure"]) == "pure"


def test_the_choice_weighs_seeds_and_data_sets_evenly() -> None:
    cells = [
        cell("mined", 0, test=[0, 0], development=[0.6, 0.6]),
        cell("graded", 0, test=[0, 0], development=[0.9, 0.9]),
        cell("graded", 1, test=[0, 0], development=[0.1, 0.1]),
        cell("mined", 0, test=[0, 0], development=[0.5] * 9, dataset="covidqa"),
        cell("graded", 0, test=[0, 0], development=[0.58] * 9, dataset="covidqa"),
    ]
    assert choose_on_development(cells, "scifact", ["mined", "graded"]) == "mined"
    assert choose_on_development(cells, "covidqa", ["mined", "graded"]) == "graded"
    assert choose_on_development(cells, ["scifact", "covidqa"], ["mined", "graded"]) == "mined"


def test_of_equal_arms_the_first_is_chosen() -> None:
    cells = [cell(arm, test=[0, 0]) for arm in ("mined", "graded")]
    assert choose_on_development(cells, "scifact", ["graded", "mined"]) == "graded"


def test_a_choice_over_unlike_or_missing_cells_is_refused() -> None:
    cells = [
        cell("mined", test=[0, 0]),
        cell("graded", test=[0, 0], development=[0.5] * 3),
        cell("pure", test=[0, 0], dataset="covidqa"),
    ]
    with pytest.raises(InputError, match="cannot be compared"):
        choose_on_development(cells, "scifact", ["mined", "graded"])
    with pytest.raises(InputError, match="no cell of arm 'pure' on data set 'scifact'"):
        choose_on_development(cells, "scifact", ["mined", "pure"])
    with pytest.raises(InputError, match="needs a data set and an arm"):
        choose_on_development(cells, [], ["mined"])
