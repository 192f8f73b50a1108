"""The gate against wordings that give away a generated text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

import pyarrow as pa
import yaml

from syneg.datasets.dataset import RetrievalDataset
from syneg.files import value_hash
from syneg.filters.gates import Finding
from syneg.filters.options import GateOptions
from syneg.filters.words import SIGN, Run, runs, seen, words

_SAMPLE = 5_000
_RARE = 2_000
_ENGLISH = "en"
_LITERAL = "literal"
_NOTHING = r"(?!)"


@dataclass(frozen=True)
class _Phrases:
    """The phrases of some languages, ready to be looked for."""

    pattern: re.Pattern[str]
    beginnings: frozenset[Run]
    words: frozenset[str]
    literals: tuple[str, ...]


def check_telltale(
    text: str,
    surroundings: Sequence[str],
    options: GateOptions,
    ordinary: Collection[str] = frozenset(),
    *,
    found: Sequence[str] | None = None,
    languages: frozenset[str] = frozenset(),
) -> Finding:
    """Drop what speaks of its own making, or left something unfilled.

    A phrase that also stands in the query, a relevant document or often in the corpus is the
    collection's own language (a manual of databases speaks of queries) and does not count.

    Args:
        text: The title and the text, one after the other on lines of their own.
        surroundings: The query and its relevant documents.
        options: Uses telltale_extra and telltale_allowed.
        ordinary: From `ordinary_phrases`.
        found: The words of `text`, where the caller has them.
        languages: Languages of the collection. Their phrases and the English ones, to which
            models fall back, are looked for; empty: those of all languages.

    Returns:
        The score is the number of different phrases found.

    Example:
        >>> check_telltale("The text goes here.", ["what is known"], GateOptions()).reason
        'it says "text goes here"'
        >>> check_telltale("The planner rewrites a query.", [], GateOptions()).drop
        False
        >>> check_telltale("Als KI-Modell kann ich das nicht.", [], GateOptions()).drop
        True
    """
    phrases = _phrases(options.telltale_extra, options.telltale_allowed, languages)
    told = _find(phrases, text, found).difference(ordinary)
    if told:
        told = told.difference(*(_find(phrases, other) for other in surroundings))
    if not told:
        return Finding(False, 0.0)
    shown = ", ".join(f'"{phrase}"' for phrase in sorted(told))
    return Finding(True, float(len(told)), f"it says {shown}")


def ordinary_phrases(
    dataset: RetrievalDataset,
    options: GateOptions,
    languages: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Return the tell-tale phrases that the documents of a collection use themselves.

    Args:
        dataset: Its corpus is looked through: at most 5,000 documents, evenly spread.
        options: Uses telltale_extra and telltale_allowed.
        languages: As in `check_telltale`.

    Returns:
        Phrases, in lower case, that stand in at least two documents and one of 2,000.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("a", "", "Text: cats purr"), ("b", "", "Text: dogs bark")],
        ...     queries=[], qrels={})
        >>> sorted(ordinary_phrases(data, GateOptions()))
        ['text:']
    """
    phrases = _phrases(options.telltale_extra, options.telltale_allowed, languages)
    size = dataset.corpus.num_rows
    rows = pa.array(range(0, size, max(-(-size // _SAMPLE), 1)), pa.int64())
    sample = dataset.corpus.take(rows)
    counts: Counter[str] = Counter()
    titles, texts = sample["title"].to_pylist(), sample["text"].to_pylist()
    for title, text in zip(titles, texts, strict=True):
        # Line breaks as in synthetic texts, or each line would count as an opening.
        counts.update(_find(phrases, f"{title or ''}\n{' '.join((text or '').split())}"))
    fewest = max(2, len(rows) / _RARE)
    return frozenset(phrase for phrase, count in counts.items() if count >= fewest)


def telltale_fingerprint() -> str:
    """Return the hash of the packaged list, a part of what the gate's verdicts rest on."""
    return value_hash(_packaged())


def _find(phrases: _Phrases, text: str, found: Sequence[str] | None = None) -> set[str]:
    found = words(text) if found is None else found
    # The pattern is slow. Nearly all texts have not even the first two words of a phrase.
    if phrases.beginnings.isdisjoint(pairwise(found)) and phrases.words.isdisjoint(found):
        lower = seen(text).lower()
        if not any(mark in lower for mark in phrases.literals):
            return set()
    lines = (" ".join(line.split()) for line in seen(_straight(text)).splitlines())
    plain = "\n".join(line for line in lines if line)
    return {" ".join(match[0].lower().split()) for match in phrases.pattern.finditer(plain)}


@cache
def _packaged() -> dict[str, dict[str, list[str]]]:
    source = files("syneg.filters") / "telltale.yaml"
    lists: dict[str, dict[str, list[str]]] = yaml.safe_load(source.read_text(encoding="utf-8"))
    return lists


@cache
def _phrases(
    extra: tuple[str, ...], allowed: tuple[str, ...], languages: frozenset[str]
) -> _Phrases:
    packaged = _packaged()
    left_out = {_plain(phrase) for phrase in allowed}
    chosen = [
        lists
        for name, lists in packaged.items()
        if name != _LITERAL and (not languages or name in languages or name == _ENGLISH)
    ]

    def kept(phrases: Iterable[str]) -> list[str]:
        # The longest first: the first alternative that fits is the one that is told.
        different = {_plain(phrase) for phrase in phrases} - left_out
        return sorted(different, key=lambda phrase: (-len(phrase), phrase))

    anywhere = kept([*extra, *(one for lists in chosen for one in lists["anywhere"])])
    opening = kept(one for lists in chosen for one in lists["opening"])
    literals = kept(packaged[_LITERAL]["anywhere"])
    pattern = re.compile(
        rf"{_alternatives(anywhere)}|^{_alternatives(opening)}"
        rf"|(?:{'|'.join(map(re.escape, literals)) or _NOTHING})",
        re.IGNORECASE | re.MULTILINE,
    )
    read = {phrase: words(phrase) for phrase in (*anywhere, *opening)}
    # A phrase of one common word and a sign ("title:") is found by both.
    single = {phrase for phrase, found in read.items() if len(found) < 2}
    marked = {phrase for phrase in single if not "".join(phrase.split("_")).isalnum()}
    return _Phrases(
        pattern,
        frozenset(runs(found, 2)[0] for found in read.values() if len(found) >= 2),
        frozenset(read[phrase][0] for phrase in single - marked),
        (*literals, *sorted(marked)),
    )


def _alternatives(phrases: list[str]) -> str:
    """Return the pattern of phrases at word boundaries; between signs every place is one."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for phrase in phrases:
        before = "" if _is_sign(phrase[0]) else rf"(?:(?<!\w)|(?<={SIGN}))"
        bounded = phrase[-1].isalnum() and not _is_sign(phrase[-1])
        after = rf"(?:(?!\w)|(?={SIGN}))" if bounded else ""
        spaced = r"\s".join(map(re.escape, phrase.split(" ")))
        kinds.setdefault((before, after), []).append(spaced)
    # The boundaries stand once for all phrases of a kind, or compiling takes half a second.
    found = [f"{before}(?:{'|'.join(some)}){after}" for (before, after), some in kinds.items()]
    return f"(?:{'|'.join(found) or _NOTHING})"


def _is_sign(letter: str) -> bool:
    return re.fullmatch(SIGN, letter) is not None


def _straight(text: str) -> str:
    return text.replace("\u2019", "'")


def _plain(phrase: str) -> str:
    return " ".join(_straight(seen(phrase)).lower().split())
