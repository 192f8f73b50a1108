from __future__ import annotations

import re

import pytest

from syneg.datasets.dataset import RetrievalDataset
from syneg.pipeline.run import Run
from syneg.reporting.page import write_report
from syneg.reporting.text import excerpt, showable

from .finished_run import ANIMALS, RunMaker, animals, written
from .parsed import Element, parse

ATTACKS = (
    "<script>alert(1)</script>",
    "</style></title></table></svg><script src=https://evil.example/x.js></script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "{{ config }}{% include '/etc/passwd' %}",
    "&lt;b&gt; &#60;script&#62;",
    "<!-- <plaintext>",
    "javascript:alert(1)",
    "]]><a href=javascript:alert(1)>",
)


def hostile(attack: str) -> RetrievalDataset:
    return animals(suffix=f" {attack}")


def page_of(run: Run) -> tuple[str, Element]:
    path = write_report(run)[1][0]
    html = path.read_text(encoding="utf-8")
    return html, parse(html)


def elements(page: Element) -> list[Element]:
    found, waiting = [], [page]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += one.children
    return found


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_texts_are_shown_and_do_nothing(make_run: RunMaker, attack: str) -> None:
    fields = {"title": attack, "domain": attack, "reasoning": attack, "check": attack}
    texts = [written(name, **fields) for name in ANIMALS[:4]]
    texts.append(written("owl", text=None, problem=attack))
    run = make_run(texts, data=hostile(attack), asked={"model": attack, "prompt": attack})
    html, page = page_of(run)
    allowed = {
        "class", "id", "scope", "colspan", "role", "tabindex", "href", "lang", "dir", "charset",
        "http-equiv", "content", "name", "aria-label", "aria-labelledby", "x", "y", "x1", "x2",
        "y1", "y2", "cx", "cy", "r", "d", "width", "height", "overflow", "text-anchor",
    }  # fmt: skip
    tags = {one.tag for one in elements(page)}
    assert not tags & {"script", "img", "iframe", "object", "link", "form", "plaintext", "base"}
    for one in elements(page):
        assert set(one.attributes) <= allowed, one.tag
        assert not (one.attributes.get("href") or "#").lstrip("#").count(":")
    # Readers see the text as it is.
    shown = " ".join(attack.split())
    for place in ("What does the", "domain “", "reasoning: ", "the model's own check: "):
        assert place in page.text
    assert page.text.count(shown) >= 6
    assert "<script" not in html


def test_nothing_is_fetched(make_run: RunMaker) -> None:
    run = make_run([written("cat")], data=hostile("see https://evil.example/a.css"))
    _, page = page_of(run)
    for one in elements(page):
        for name in ("src", "href", "srcset", "data", "action", "xlink:href"):
            assert not re.match(r"\s*(https?:)?//", one.attributes.get(name) or "")
    style = page.first("style").text
    assert "url(" not in style
    assert "@import" not in style
    policy = [
        one.attributes["content"]
        for one in page.all("meta")
        if one.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert len(policy) == 1
    assert (policy[0] or "").startswith(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )


def test_control_characters_and_overrides_of_direction_are_replaced(make_run: RunMaker) -> None:
    odd = "a\x07b\x1bc\u202ed\u2066e\ufffff"
    html, page = page_of(make_run([written("cat", reasoning=odd)], data=hostile(odd)))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\uffff]", html)
    assert "reasoning: a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf" in page.text


def test_half_characters_and_nul_in_the_manifest_do_not_stop_the_report(
    make_run: RunMaker,
) -> None:
    run = make_run([written("cat")])
    run.manifest.content["stages"]["synthesize"]["summary"]["model"] = "x\ud800y\x00z"
    # Not all that is shown is cut to a length and cleaned on the way.
    run.manifest.content["stages"]["data"]["summary"]["notes"] = ["u\ud800v\x00w"]
    _, page = page_of(run)
    assert "x\ufffdy\ufffdz" in page.text
    assert "u\ufffdv\ufffdw" in page.text


def test_huge_texts_are_cut(make_run: RunMaker) -> None:
    huge = "word " * 200_000 + "x" * 1_000_000
    html, _ = page_of(make_run([written("cat", reasoning=huge)], data=hostile(huge)))
    assert len(html) < 300_000


def test_every_kind_of_bad_text_becomes_showable() -> None:
    assert showable("ok\n\tfine 漢字 🦊 é") == "ok\n\tfine 漢字 🦊 é"
    assert str(showable("\x00\ud800\ufdd0")).encode("utf-8").decode("utf-8") == "\ufffd" * 3


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "two words " * 999, " " * 9_999 + "end", "漢" * 999]
)
def test_an_excerpt_is_short_and_says_that_it_was_cut(text: str) -> None:
    shown = excerpt(text, 50)
    assert len(shown) <= 51
    assert shown.endswith("…")
