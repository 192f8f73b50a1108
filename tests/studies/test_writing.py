from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from syneg.errors import InputError
from syneg.studies.results import CellResult
from syneg.studies.tables import arm_table
from syneg.studies.writing import StudyReportPlan, write_study

from .cells import cell, study

ARMS = {"mined": 0.05, "graded": 0.15, "pure": -0.1}
PLAN = StudyReportPlan(
    "Do graded targets help?",
    commands=("syneg study plan.yaml --out study",),
    hypothesis=("mined", "graded"),
    notes=("Trained on *two* processors.",),
)
SVG = "{http://www.w3.org/2000/svg}"


def written(tmp_path: Path, cells: list[CellResult], plan: StudyReportPlan = PLAN) -> str:
    write_study(cells, tmp_path, plan=plan)
    return (tmp_path / "results.md").read_text("utf-8")


def tables(page: str) -> dict[str, list[list[str]]]:
    """The tables of a page by the heading above them, head first."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in page.splitlines():
        if line.startswith("#"):
            heading = line
        elif line.startswith("|") and not re.fullmatch(r"[| :-]+", line):
            cells = [one.strip() for one in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.setdefault(heading, []).append(cells)
    return found


def test_every_file_is_written_and_named(tmp_path: Path) -> None:
    files = write_study(study(ARMS), tmp_path / "new", plan=PLAN)
    expected = {
        "results.md", "cells.csv", "comparisons.csv", "figures/scifact.svg", "figures/covidqa.svg",
    }  # fmt: skip
    assert {one.relative_to(tmp_path / "new").as_posix() for one in files} == expected
    assert all(one.is_file() for one in files)


def test_the_named_comparison_comes_first_and_is_read_out(tmp_path: Path) -> None:
    page = written(tmp_path, study(ARMS))
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert headings[:3] == ["The comparison named in advance", "scifact", "covidqa"]
    reading = next(line for line in page.splitlines() if line.startswith("**"))
    rows = tables(page)["## The comparison named in advance"]
    first = dict(zip(rows[0], rows[1], strict=True))
    assert first["data"] == "2 data sets, pooled"
    size = first["difference"].lstrip("+")
    assert f"`graded` is better than `mined` by {size} points of nDCG@10" in reading
    assert f"95% interval {first['95% interval']}, p < 0.001" in reading
    assert f"about {first['resolvable']} points or more" in reading
    assert "on the 120 test queries of 2 data sets, pooled" in reading


def test_a_difference_that_may_be_chance_is_not_claimed(tmp_path: Path) -> None:
    page = written(tmp_path, study({"mined": 0.05, "graded": 0.051}))
    reading = next(line for line in page.splitlines() if line.startswith("**"))
    assert "`graded` cannot be told from `mined`" in reading
    assert "better" not in reading


def test_a_worse_arm_is_called_worse(tmp_path: Path) -> None:
    page = written(tmp_path, study({"mined": 0.2, "graded": 0.05}, datasets=["scifact"]))
    reading = next(line for line in page.splitlines() if line.startswith("**"))
    assert re.search(r"`graded` is worse than `mined` by \d+\.\d\d points", reading)
    assert "test queries of scifact" in reading


def test_the_tables_say_what_the_rows_say(tmp_path: Path) -> None:
    cells = study(ARMS)
    page = written(tmp_path, cells)
    for name, heading in (
        ("all", "### Test, all queries (60)"),
        ("seen", "### Test, positive seen in training (30)"),
        ("unseen", "### Test, positive not seen (30)"),
    ):
        head, *shown = tables(page)[f"{heading}, against `unmodified`"][:5]
        rows = [one for one in arm_table(cells, "scifact") if one.slice == name]
        assert [one[0] for one in shown] == [f"`{one.arm}`" for one in rows]
        assert [one[2] for one in shown] == [f"{100 * one.mean:.2f}" for one in rows]
        assert shown[0][4:] == ["–"] * 5
        graded = dict(zip(head, shown[2], strict=True))
        assert rows[2].difference is not None
        assert graded["difference"] == f"+{100 * rows[2].difference.difference:.2f}"
        assert graded["resolvable"] == f"{100 * rows[2].difference.resolvable:.2f}"


def test_a_minus_on_the_page_is_a_minus_sign(tmp_path: Path) -> None:
    page = written(tmp_path, study(ARMS))
    pure = next(line for line in page.splitlines() if line.startswith("| `pure`"))
    assert "−" in pure
    assert "| -" not in pure


def test_missing_cells_are_listed(tmp_path: Path) -> None:
    cells = [
        one for one in study(ARMS) if (one.dataset, one.arm, one.seed) != ("covidqa", "pure", 2)
    ]
    page = written(tmp_path, cells)
    assert "- covidqa, `pure`, seed 2\n" in page
    assert page.count("seed 2") == 1
    assert "## Missing cells\n\nNone.\n" in written(tmp_path, study(ARMS))


def test_planned_cells_that_never_ran_are_missing(tmp_path: Path) -> None:
    planned = (("scifact", "unmodified", 0), ("quora", "mined", 4))
    plan = StudyReportPlan("Planned", planned=planned)
    page = written(tmp_path, study({"mined": 0.1}), plan)
    assert re.findall(r"^- (.*seed \d)$", page, re.MULTILINE) == ["quora, `mined`, seed 4"]


def test_a_data_set_without_one_of_the_named_arms_is_named(tmp_path: Path) -> None:
    cells = [one for one in study(ARMS) if (one.dataset, one.arm) != ("covidqa", "graded")]
    page = written(tmp_path, cells)
    assert "Without covidqa, where one of the two was not measured." in page
    rows = tables(page)["## The comparison named in advance"]
    assert {one[0] for one in rows[1:]} == {"scifact"}


def test_a_named_comparison_not_yet_possible_is_said_to_be(tmp_path: Path) -> None:
    page = written(tmp_path, study({"mined": 0.1}))
    assert "`graded` against `mined`: not yet measured on any common data set." in page


def test_without_a_named_comparison_the_page_says_so(tmp_path: Path) -> None:
    page = written(tmp_path, study(ARMS), StudyReportPlan("None named"))
    assert "No comparison was named in advance" in page


def test_one_seed_is_said_to_be_one(tmp_path: Path) -> None:
    page = written(tmp_path, study(ARMS, seeds=1))
    assert "One seed only on at least one data set: `mined`, `graded`, `pure`." in page
    assert "with one seed, this tells nothing of other seeds.**" in page
    assert "One seed only" not in written(tmp_path, study(ARMS, seeds=2))


def test_instruments_are_means_over_seeds_of_their_numbers(tmp_path: Path) -> None:
    def one(arm: str, seed: int, **measures: object) -> CellResult:
        return cell(arm, seed, test=[0.1, 0.2], instruments={"shortcut probe": measures})

    cells = [
        one("mined", 0, auc=0.5, words=["a"], sure=True),
        one("mined", 1, auc=0.75, count=20_000),
        one("graded", 0, auc=float("nan"), count=-3),
    ]
    page = written(tmp_path, cells)
    assert tables(page)["### scifact: shortcut probe"] == [
        ["arm", "auc", "count"],
        ["`mined`", "0.625", "20,000"],
        ["`graded`", "–", "−3"],
    ]
    assert "## Instruments" not in written(tmp_path, study(ARMS))


def test_notes_and_commands_are_on_the_page(tmp_path: Path) -> None:
    page = written(tmp_path, study(ARMS))
    assert page.startswith("# Do graded targets help?\n\nTrained on *two* processors.\n")
    assert "```sh\nsyneg study plan.yaml --out study\n```\n" in page


def test_tables_stand_apart_from_the_text_around_them(tmp_path: Path) -> None:
    lines = written(tmp_path, study(ARMS)).splitlines()
    for before, line in pairwise(lines):
        if before.startswith("|") != line.startswith("|"):
            assert "" in (before, line)


def test_figures_are_shown_on_the_page(tmp_path: Path) -> None:
    page = written(tmp_path, study(ARMS))
    assert "](figures/scifact.svg)" in page
    assert "](figures/covidqa.svg)" in page


def test_without_the_baseline_there_is_no_figure(tmp_path: Path) -> None:
    cells = [one for one in study(ARMS) if one.arm != "unmodified"]
    assert "](figures/" not in written(tmp_path, cells)
    assert not (tmp_path / "figures").exists()


def test_hostile_names_break_neither_table_nor_figure(tmp_path: Path) -> None:
    arm, dataset = "a|b <script>`\x00&", "../up|<b>/ü"
    cells = [
        cell(name, test=[0.1, gain, 0.3, 0.4], dataset=dataset)
        for name, gain in (("unmodified", 0.2), (arm, 0.3))
    ]
    page = written(tmp_path, cells)
    rows = tables(page)["### Test, all queries (4), against `unmodified`"]
    assert [len(one) for one in rows] == [9, 9, 9]
    assert "\x00" not in page
    files = list(tmp_path.rglob("*.svg"))
    assert [one.parent for one in files] == [tmp_path / "figures"]
    root = ElementTree.fromstring(files[0].read_text("utf-8"))
    assert "a|b <script>`\ufffd&" in [one.text for one in root.iter(f"{SVG}text")]


def test_data_sets_of_like_names_do_not_share_a_figure(tmp_path: Path) -> None:
    write_study(study(ARMS, datasets=["a/b", "a b"]), tmp_path, plan=PLAN)
    assert {one.name for one in (tmp_path / "figures").iterdir()} == {"a-b.svg", "a-b-2.svg"}


def test_a_study_without_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no finished cell"):
        write_study([], tmp_path, plan=PLAN)


def test_cells_read_back_from_disk_are_written_alike(tmp_path: Path) -> None:
    cells = study(ARMS, datasets=["scifact"])
    again = []
    for place, one in enumerate(cells):
        one.write(tmp_path / "cells" / str(place))
        again.append(CellResult.read(tmp_path / "cells" / str(place)))
    assert written(tmp_path / "one", cells) == written(tmp_path / "two", again)
