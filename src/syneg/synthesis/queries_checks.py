"""What is wrong with a generated query, looked at for itself and among all others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from syneg.filters.words import words
from syneg.synthesis.queries_language import other_language
from syneg.synthesis.queries_options import QueryType


class Drop(StrEnum):
    """Why a generated query is not used."""

    UNREADABLE = "answer not readable"
    MISSING = "not in the answer"
    TYPE = "of another type"
    LENGTH = "too short or too long"
    COPIED = "copied from the document"
    SELF_REFERENCE = "speaks of its document"
    LANGUAGE = "in another language"
    REPEATED = "said before for the document"
    AMBIGUOUS = "written for several documents"
    KNOWN = "a query of the data set already"
    NOT_FOUND = "does not find its document"


class Verdict(NamedTuple):
    """That a query is not used, and why, in one clause for a person to read."""

    drop: Drop
    detail: str


# Fewest and most words; Chinese and Japanese signs count as words, and there are twice as many.
_LENGTHS = {
    QueryType.QUESTION: (3, 35),
    QueryType.KEYWORD: (1, 10),
    QueryType.CLAIM: (4, 45),
    QueryType.TITLE_LIKE: (2, 20),
}
_COPIED_RUN = 8
_COPIED_WHOLE = 4
_SIGN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_NOUN = r"(?:passage|text|document|article|paragraph|excerpt|abstract|snippet|author|authors)"
_SELF_REFERENCES = re.compile(
    r"\b(?:"
    rf"(?:the|this) (?:given |above |provided |following |present )?{_NOUN}(?:'s)?"
    rf"|(?:given|above|provided) {_NOUN}"
    r"|(?:this|the present|the current) (?:study|paper|report|research|work|section|chapter)"
    r"|according to (?:the|this) (?:study|paper|report)"
    r"|(?:der|die|das|den|dem|des|diese[mnrs]?) (?:text(?:es)?|dokuments?|artikels?|abschnitts?)"
    r"|(?:le|ce|du) (?:texte|passage|document|paragraphe)|(?:l'|cet )article"
    r"|(?:el|este|del) (?:texto|pasaje|documento|artículo|párrafo)"
    r"|(?:il|questo|del|nel) (?:testo|brano|documento)|(?:l'|quest')articolo"
    r"|(?:o|este|deste|no) (?:texto|trecho|artigo)"
    r")\b"
    r"|(?:这|本|该|上述|文中|這|該)(?:篇|段|个|個)?(?:文章|文本|文档|文件|段落|短文)|本文|文中"
    r"|(?:この|本|上記の)(?:文章|文書|記事|論文|本文)",
    re.IGNORECASE,
)


def check_query(text: str, kind: str, title: str, document: str) -> Verdict | None:
    """Return what is wrong with a query, or None.

    Args:
        text: The query.
        kind: The type that was asked for, a `QueryType`.
        title: Title of its document.
        document: Text of its document.

    Returns:
        The first of these that holds: its length does not suit its type; eight words in a row,
        or all of it from four words on, stand in the document; it speaks of "the passage", in
        a phrase that the document itself does not have; it is in another language.

    Example:
        >>> document = "Air molecules scatter blue light more than they scatter red light."
        >>> check_query("Why is the sky blue?", "question", "", document) is None
        True
        >>> check_query("What does the passage say of light?", "question", "", document).detail
        'it says "the passage"'
        >>> check_query("air molecules scatter blue light", "keyword", "", document).detail
        'all of it stands in the document'
    """
    found = words(text)
    wide = 2 if 2 * sum(bool(_SIGN.match(one)) for one in found) > len(found) else 1
    fewest, most = _LENGTHS[QueryType(kind)]
    if not fewest <= len(found) <= most * wide:
        return Verdict(Drop.LENGTH, f"{len(found)} words, not {fewest} to {most * wide}")
    run = max(longest_run(found, words(one)) for one in (title, document))
    if run >= _COPIED_RUN * wide:
        return Verdict(Drop.COPIED, f"{run} words in a row stand in the document")
    if kind == QueryType.TITLE_LIKE and found == words(title):
        return Verdict(Drop.COPIED, "it is the document's title")
    if run == len(found) >= _COPIED_WHOLE * wide:
        return Verdict(Drop.COPIED, "all of it stands in the document")
    whole = f"{title}\n{document}"
    own = {_plain(match) for match in _SELF_REFERENCES.finditer(whole)}
    said = [match for match in _SELF_REFERENCES.finditer(text) if _plain(match) not in own]
    if said:
        return Verdict(Drop.SELF_REFERENCE, f'it says "{said[0][0]}"')
    problem = other_language(text, whole)
    return None if problem is None else Verdict(Drop.LANGUAGE, problem)


def longest_run(found: Sequence[str], document: Sequence[str]) -> int:
    """Return the length of the longest run of neighbouring words that both have.

    Example:
        >>> longest_run("why do cats purr".split(), "most cats purr softly".split())
        2
    """
    places: dict[str, list[int]] = {}
    for number, word in enumerate(found):
        places.setdefault(word, []).append(number)
    longest = 0
    # For each word of the query, the length of the run that ends there and here.
    ending: dict[int, int] = {}
    for word in document:
        ending = {place: ending.get(place - 1, 0) + 1 for place in places.get(word, ())}
        longest = max(longest, *ending.values()) if ending else longest
    return longest


def check_repetition(
    queries: Iterable[tuple[str, str, str]], known: Iterable[str]
) -> Mapping[str, Verdict]:
    """Judge queries that say the same, without regard to case and punctuation.

    A query written for several documents does not tell which it is to find: all are dropped.
    Of those for one document the first is kept.

    Args:
        queries: (query id, document id, text) of all that were written.
        known: Texts of the queries that the data set has already.

    Returns:
        A verdict by query id for those that are dropped.

    Example:
        >>> found = check_repetition([("1", "a", "Why?"), ("2", "b", "why"), ("3", "a", "How")], [])
        >>> {name: one.drop.value for name, one in found.items()}
        {'1': 'written for several documents', '2': 'written for several documents'}
    """
    taken = {_key(text) for text in known}
    same: dict[str, list[tuple[str, str]]] = {}
    for query_id, doc_id, text in queries:
        same.setdefault(_key(text), []).append((query_id, doc_id))
    verdicts = {}
    for key, members in same.items():
        documents = sorted({doc_id for _, doc_id in members})
        met: set[str] = set()
        for query_id, doc_id in members:
            if key in taken:
                verdicts[query_id] = Verdict(Drop.KNOWN, "the data set has the same query")
            elif len(documents) > 1:
                others = [one for one in documents if one != doc_id]
                verdicts[query_id] = Verdict(Drop.AMBIGUOUS, f"also written for {others[0]}")
            elif doc_id in met:
                verdicts[query_id] = Verdict(Drop.REPEATED, "an earlier query says the same")
            met.add(doc_id)
    return verdicts


def _key(text: str) -> str:
    return " ".join(words(text)) or text


def _plain(match: re.Match[str]) -> str:
    return " ".join(match[0].casefold().split())
