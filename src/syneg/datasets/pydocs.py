"""The built-in data set: Python's own documentation, asked for by its first sentences."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.docstrings import Docstring, library_docstrings
from syneg.datasets.sentences import plain_words, split_first_sentence
from syneg.errors import InputError

# A shorter first sentence says too little to search with, a longer one is a text of its own.
_QUERY_WORDS = range(4, 41)
_LEAST_REST_WORDS = 18
_LEAST_PAIRS = 100
_SIGNATURE_START = re.compile(r"^[\w.]+\([^)]*\)")
_CODE = re.compile(r">>>|::|=\s*\[|\.\.\.\]|\w=.*\w=|^[-+=*~#|]{3}")
_QUOTATION_MARKS = "'\""
_TEST_SHARE = 0.3
# The salt was chosen so that about 30% of the pairs fall to test on CPython 3.11.
_SALT = "pydocs:9:"


@dataclass(frozen=True)
class _Entry:
    source: Docstring
    query: str
    rest: str

    @property
    def is_pair(self) -> bool:
        """Whether the first sentence is a sound query for the rest."""
        words = self.query.split()
        named = [word for word in words if any(letter.isalpha() for letter in word)]
        return (
            len(words) in _QUERY_WORDS
            and 2 * len(named) > len(words)
            and len(_without_examples(self.rest).split()) >= _LEAST_REST_WORDS
            and (self.query[0].isalnum() or self.query[0] in _QUOTATION_MARKS)
            and not self.query.endswith(":")
            and not _SIGNATURE_START.match(self.query)
            and not _CODE.search(self.query)
            and _key(self.query) not in _key(plain_words(self.rest))
        )

    def document(self, text: str) -> tuple[str, str, str]:
        """Return id, title and text of a document that holds `text` below the signature."""
        name = self.source.name
        return name, name, f"{self.source.signature}\n{text}".strip()


def build_pydocs() -> RetrievalDataset:
    """Build a data set from the documentation of the running interpreter's library.

    A docstring of a public module, class, function or method makes a pair when its first
    sentence has 4 to 40 words, mostly words with letters, is neither a signature nor code nor
    part of a list, and is not repeated below, where at least 18 words must follow, not counting
    the input lines of examples. The sentence is the query; the document has the qualified name
    as its title, and as its text the signature and the rest of the docstring. Every other
    docstring is one more document, with its whole text, except those whose first sentence is
    the query of a pair: they would answer it in its own words. Of identical document texts one
    is kept.

    A top-level module's pairs are all in train or all in test, by a hash of its name. The
    sources are parsed, no module is imported, and the result depends on the version of Python
    alone: on CPython 3.11 about 1,250 pairs among 4,100 documents.

    Returns:
        The data set `pydocs`, with splits train and test. Documents are named by their
        qualified names, queries by `q:` and the same.

    Raises:
        InputError: This Python has no sources of its library, as in some slim installations.

    Example:
        >>> data = build_pydocs()
        >>> data.query_texts(["q:textwrap.dedent"])
        ['Remove any common leading whitespace from every line in text.']
    """
    entries = [
        _Entry(source, *split_first_sentence(source.text)) for source in library_docstrings()
    ]
    pairs, others = _sorted_out(entries)
    if len(pairs) < _LEAST_PAIRS:
        raise InputError(
            "this Python has no sources of its standard library to read documentation from",
            value="pydocs",
            remedy="use another Python, or another data set",
        )
    return RetrievalDataset.from_rows(
        "pydocs",
        corpus=sorted(
            [pair.document(pair.rest) for pair in pairs]
            + [other.document(other.source.text) for other in others]
        ),
        queries=[(f"q:{pair.source.name}", pair.query) for pair in pairs],
        qrels={
            split: [
                (f"q:{pair.source.name}", pair.source.name, 1)
                for pair in pairs
                if _split_of(pair.source.module) == split
            ]
            for split in ("train", "test")
        },
    )


def _sorted_out(entries: Iterable[_Entry]) -> tuple[list[_Entry], list[_Entry]]:
    """Return the entries that make pairs and those that are documents only."""
    pairs: dict[str, _Entry] = {}
    others: list[_Entry] = []
    texts: set[str] = set()
    for entry in sorted(entries, key=lambda entry: (not entry.is_pair, entry.source.name)):
        query = _key(entry.query)
        _, _, text = entry.document(entry.rest if entry.is_pair else entry.source.text)
        if query in pairs or text in texts:
            continue
        texts.add(text)
        if entry.is_pair:
            pairs[query] = entry
        else:
            others.append(entry)
    return list(pairs.values()), others


def _without_examples(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith((">>>", "...")))


def _key(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!?")


def _split_of(module: str) -> str:
    digest = hashlib.sha256(f"{_SALT}{module}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return "test" if share < _TEST_SHARE else "train"
