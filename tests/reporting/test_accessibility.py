from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import syneg.reporting.page

from .finished_run import ANIMALS, RunMaker, written
from .parsed import report_of as report

GOOD = [written(name) for name in ANIMALS[:5]]


def test_every_figure_has_a_title_a_description_and_its_numbers_as_a_table(
    make_run: RunMaker,
) -> None:
    page = report(make_run(GOOD))
    figures = page.all("figure")
    assert len(figures) == 4
    drawings = [one for one in page.all("svg") if one.parent and one.parent.tag == "figure"]
    assert len(drawings) == 4
    for figure, drawing in zip(figures, drawings, strict=True):
        names = (drawing.attributes["aria-labelledby"] or "").split()
        described = [one for one in drawing.children if one.tag in ("title", "desc")]
        assert drawing.attributes["role"] == "img"
        assert [one.attributes["id"] for one in described] == names
        assert all(one.text for one in described)
        assert figure.first("details").first("table").all("td")


def test_the_page_is_built_for_those_who_listen_to_it(make_run: RunMaker) -> None:
    page = report(make_run(GOOD))
    levels = [int(one.tag[1]) for tag in ("h1", "h2") for one in page.all(tag)]
    assert levels.count(1) == 1
    targets = {one.attributes.get("id") for one in page.all("h2")}
    links = [one.attributes["href"] for one in page.all("a")]
    assert links
    assert {(link or "").removeprefix("#") for link in links} == targets
    for table in page.all("table"):
        assert table.first("caption").text
        assert all(one.attributes.get("scope") for one in table.all("th"))


def test_the_report_needs_no_package_for_drawing() -> None:
    code = (
        "import sys, syneg.reporting.page; "
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_letters_stand_out_in_both_themes() -> None:
    style = (Path(syneg.reporting.page.__file__).parent / "style.css").read_text(encoding="utf-8")
    themes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block))
        for block in re.findall(r":root \{[^}]*", style)
    ]
    assert len(themes) == 2
    for theme in themes:
        for name in ("text", "quiet", "accent", "second"):
            for ground in ("back", "raised"):
                dark, light = sorted((_luminance(theme[name]), _luminance(theme[ground])))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground)
