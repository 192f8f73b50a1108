"""The gate against wordings that give away a generated text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from importlib.resources import files

import pyarrow as pa
import yaml

from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.gates import Finding
from syneg.filters.options import GateOptions

_SAMPLE = 5_000
_RARE = 2_000


def check_telltale(
    text: str,
    surroundings: Sequence[str],
    options: GateOptions,
    ordinary: Collection[str] = frozenset(),
) -> Finding:
    """Drop what speaks of its own making, or left something unfilled.

    A phrase that also stands in the query, a relevant document or often in the corpus is the
    collection's own language (a manual of databases speaks of queries) and does not count.

    Args:
        text: The title and the text, one after the other on lines of their own.
        surroundings: The query and its relevant documents.
        options: Uses telltale_extra and telltale_allowed.
        ordinary: From `ordinary_phrases`.

    Returns:
        The score is the number of different phrases found.

    Example:
        >>> check_telltale("The text goes here.", ["what is known"], GateOptions()).reason
        'it says "text goes here"'
        >>> check_telltale("The planner rewrites a query.", [], GateOptions()).drop
        False
    """
    pattern = _pattern(options.telltale_extra, options.telltale_allowed)
    found = _phrases(pattern, text).difference(ordinary)
    if found:
        found = found.difference(*(_phrases(pattern, other) for other in surroundings))
    if not found:
        return Finding(False, 0.0)
    shown = ", ".join(f'"{phrase}"' for phrase in sorted(found))
    return Finding(True, float(len(found)), f"it says {shown}")


def ordinary_phrases(dataset: RetrievalDataset, options: GateOptions) -> frozenset[str]:
    """Return the tell-tale phrases that the documents of a collection use themselves.

    Args:
        dataset: Its corpus is looked through: at most 5,000 documents, evenly spread.
        options: Uses telltale_extra and telltale_allowed.

    Returns:
        Phrases, in lower case, that stand in at least two documents and one of 2,000.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("a", "", "Text: cats purr"), ("b", "", "Text: dogs bark")],
        ...     queries=[], qrels={})
        >>> sorted(ordinary_phrases(data, GateOptions()))
        ['text:']
    """
    pattern = _pattern(options.telltale_extra, options.telltale_allowed)
    size = dataset.corpus.num_rows
    rows = pa.array(range(0, size, max(-(-size // _SAMPLE), 1)), pa.int64())
    sample = dataset.corpus.take(rows)
    counts: Counter[str] = Counter()
    titles, texts = sample["title"].to_pylist(), sample["text"].to_pylist()
    for title, text in zip(titles, texts, strict=True):
        # Line breaks as in synthetic texts, or each line would count as an opening.
        counts.update(_phrases(pattern, f"{title or ''}\n{' '.join((text or '').split())}"))
    fewest = max(2, len(rows) / _RARE)
    return frozenset(phrase for phrase, count in counts.items() if count >= fewest)


def _phrases(pattern: re.Pattern[str], text: str) -> set[str]:
    plain = text.replace("\u2019", "'")
    return {" ".join(match[0].lower().split()) for match in pattern.finditer(plain)}


@cache
def _pattern(extra: tuple[str, ...], allowed: tuple[str, ...]) -> re.Pattern[str]:
    source = files("syneg.filters") / "telltale.yaml"
    lists = yaml.safe_load(source.read_text(encoding="utf-8"))
    left_out = {_plain(phrase) for phrase in allowed}

    def alternatives(phrases: Iterable[str]) -> str:
        kept = {_plain(phrase) for phrase in phrases} - left_out
        # The longest first: the first alternative that fits is the one that is told.
        ordered = sorted(kept, key=lambda phrase: (-len(phrase), phrase))
        return "|".join(map(_expression, ordered)) or r"(?!)"

    anywhere = alternatives([*lists["anywhere"], *extra])
    opening = alternatives(lists["opening"])
    literal = "|".join(re.escape(mark) for mark in lists["literal"] if _plain(mark) not in left_out)
    return re.compile(
        rf"(?<!\w)(?:{anywhere})|^\s*(?:{opening})|(?:{literal or '(?!)'})",
        re.IGNORECASE | re.MULTILINE,
    )


def _expression(phrase: str) -> str:
    spaced = r"\s+".join(map(re.escape, phrase.split(" ")))
    return rf"{spaced}(?!\w)" if phrase[-1].isalnum() else spaced


def _plain(phrase: str) -> str:
    return " ".join(phrase.lower().replace("\u2019", "'").split())
