from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from syneg.studies.tables import arm_table
from syneg.studies.writing import StudyReportPlan, write_study

from .cells import study

ARMS = {"mined": 0.05, "graded": 0.15, "pure": -0.1}
PLAN = StudyReportPlan("Do graded targets help?")
SVG = "{http://www.w3.org/2000/svg}"


def test_the_figure_shows_every_arm_with_its_intervals(tmp_path: Path) -> None:
    cells = study(ARMS)
    write_study(cells, tmp_path, plan=PLAN)
    root = ElementTree.fromstring((tmp_path / "figures" / "scifact.svg").read_text("utf-8"))
    words = [one.text for one in root.iter(f"{SVG}text")]
    assert words[0] == "scifact: nDCG@10, difference from unmodified"
    assert {"mined", "graded", "pure", "all queries (60)", "0"} <= set(words)
    assert "unmodified" not in words
    # A mark for each of three arms and one in the key, of all queries and of the unseen ones.
    assert len(list(root.iter(f"{SVG}circle"))) == 4
    assert len(list(root.iter(f"{SVG}path"))) == 4
    for row in arm_table(cells, "scifact"):
        if row.slice != "seen" and row.difference:
            shown = f"{100 * row.difference.difference:+.2f}".replace("-", "−")
            assert any(one.startswith(f"{shown}  (") for one in words if one)


def test_marks_and_words_of_the_figure_stay_inside(tmp_path: Path) -> None:
    arms = {"a-very-long-name-of-an-arm-that-does-not-fit-on-one-line-nor-on-two-of-them": 0.3}
    write_study(study(ARMS | arms), tmp_path, plan=PLAN)
    root = ElementTree.fromstring((tmp_path / "figures" / "covidqa.svg").read_text("utf-8"))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for one in root.iter():
        for names, most in ((("x", "x1", "x2", "cx"), width), (("y", "y1", "y2", "cy"), height)):
            assert all(0 <= float(one.attrib.get(name, 0)) <= most for name in names)
    labels = [one.text for one in root.iter(f"{SVG}text") if one.attrib["x"] == "20"]
    assert max(len(one or "") for one in labels[1:]) <= 30
    assert any((one or "").endswith("…") for one in labels)


def test_marks_stand_where_their_numbers_are(tmp_path: Path) -> None:
    cells = study(ARMS)
    write_study(cells, tmp_path, plan=PLAN)
    root = ElementTree.fromstring((tmp_path / "figures" / "scifact.svg").read_text("utf-8"))
    groups = list(root.iter(f"{SVG}g"))
    rows = [one for one in arm_table(cells, "scifact") if one.slice == "all" and one.difference]
    # Two groups an arm: all queries, then the unseen ones.
    for row, group in zip(rows, groups[::2], strict=True):
        assert row.difference is not None
        line = group.findall(f"{SVG}line")[0].attrib
        low, high = float(line["x1"]), float(line["x2"])
        share = (row.difference.difference - row.difference.low) / (
            row.difference.high - row.difference.low
        )
        middle = float(group.findall(f"{SVG}circle")[0].attrib["cx"])
        assert middle == pytest.approx(low + share * (high - low), abs=0.01)
    zero = next(one for one in root.iter(f"{SVG}line") if one.attrib["class"] == "axis")
    starts = [float(group.findall(f"{SVG}line")[0].attrib["x1"]) for group in groups]
    ends = [float(group.findall(f"{SVG}line")[0].attrib["x2"]) for group in groups]
    # Two arms are better and the last one is worse.
    assert min(starts[:4]) > float(zero.attrib["x1"]) > max(ends[4:])
