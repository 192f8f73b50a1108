"""A report as a reader's program sees it: elements, attributes and tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from syneg.pipeline.run import Run
from syneg.reporting.page import write_report

VOID = {"meta", "br", "link", "img", "hr", "input"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    parent: Element | None
    children: list[Element] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text below, with white space as a browser shows it."""
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[Element]:
        found = [one for child in self.children for one in child.all(tag)]
        return ([self] if self.tag == tag else []) + found

    def first(self, tag: str) -> Element:
        return self.all(tag)[0]

    def has_class(self, name: str) -> bool:
        return name in (self.attributes.get("class") or "").split()

    def table(self, caption: str) -> list[list[str]]:
        """The cells of the table with this caption, row by row, heads first."""
        for table in self.all("table"):
            if table.first("caption").text == caption:
                return [
                    [cell.text for cell in row.children if cell.tag in ("th", "td")]
                    for row in table.all("tr")
                ]
        raise AssertionError(f"no table '{caption}'")


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.open = Element("", {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        one = Element(tag, dict(attrs), self.open)
        self.open.children.append(one)
        if tag not in VOID:
            self.open = one

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.children.append(Element(tag, dict(attrs), self.open))

    def handle_endtag(self, tag: str) -> None:
        # Every element is closed where it was opened: no text ends one early.
        assert self.open.tag == tag, f"</{tag}> inside <{self.open.tag}>"
        assert self.open.parent is not None
        self.open = self.open.parent

    def handle_data(self, data: str) -> None:
        one: Element | None = self.open
        while one is not None:
            one.words.append(data)
            one = one.parent


def parse(html: str) -> Element:
    """Return the root of a page; fails where elements are not properly nested."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    assert parser.open is parser.root, f"<{parser.open.tag}> is left open"
    return parser.root


def report_of(run: Run) -> Element:
    """Write a run's report and return it as it was parsed."""
    summary, files = write_report(run)
    assert summary == {"file": "report.html"}
    assert files == [run.folder / "report.html"]
    return parse(files[0].read_text(encoding="utf-8"))
