"""The gates: pure functions from a synthetic text to a finding about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from syneg.filters.options import GateOptions
from syneg.filters.words import Run, different_runs, runs, without_numbers, words

# Without the look-behind, a million dots in a row would be tried from each of them.
_SENTENCE_END = re.compile(r"(?<![.!?。！？])[.!?。！？]+(?:\s|$|(?<=[。！？]))|\n+")
_SHORTEST_SENTENCE = 5
_CHECK_FAILED = re.compile(r"\W*(?:fail|failed|fails)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a gate found.

    Attributes:
        drop: The text must not be used.
        score: What was measured, if anything was.
        reason: One clause for a person to read; None when nothing was found.
        mark: The text can be used, but the reason is worth knowing.
    """

    drop: bool
    score: float | None = None
    reason: str | None = None
    mark: bool = False


FINE = Finding(drop=False)


def check_format(text: str | None, problem: str | None) -> Finding:
    """Drop what has no text, or whose answer could not be read.

    A text without a single word (only punctuation, signs or invisible characters) is none.

    Example:
        >>> check_format(None, "cut off").reason
        'cut off'
        >>> check_format("A text.", None).drop, check_format("?! ...", None).reason
        (False, 'there is no word in it')
    """
    if problem is not None:
        return Finding(True, None, problem)
    if text is None or not text.strip():
        return Finding(True, None, "there is no text")
    # The first characters nearly always have a word: a long text need not be read twice.
    if not words(text[:200]) and not words(text):
        return Finding(True, None, "there is no word in it")
    return FINE


def check_length(count: int, positive: int, options: GateOptions) -> Finding:
    """Drop what is much shorter or longer than the positive: length alone would tell it apart.

    Args:
        count: Words of the text, with its title.
        positive: Words of the positive, with its title.
        options: Uses shortest_ratio, longest_ratio, fewest_words and longest_positive.

    Returns:
        The score is the number of words as a multiple of the positive's.

    Example:
        >>> check_length(40, 100, GateOptions())
        Finding(drop=False, score=0.4, reason=None, mark=False)
        >>> check_length(10, 100, GateOptions()).reason
        '10 words, fewer than 25'
    """
    reference = max(positive, 1)
    relative = options.shortest_ratio * min(reference, options.longest_positive)
    # Collections of very short documents (questions, titles) have short negatives too.
    fewest = max(relative, min(options.fewest_words, reference / 2))
    most = options.longest_ratio * reference
    score = count / reference
    if count < fewest:
        return Finding(True, score, f"{count} words, fewer than {fewest:.0f}")
    if count > most:
        return Finding(True, score, f"{count} words, more than {most:.0f}")
    return Finding(False, score)


def check_copy(
    found: Sequence[str],
    query: Sequence[str],
    relevant: Sequence[Set[int]],
    options: GateOptions,
    own: Set[int] | None = None,
) -> Finding:
    """Drop what repeats a relevant document, which makes it relevant, or the bare query.

    Args:
        found: Words of the text.
        query: Words of the query.
        relevant: For each relevant document of the query, its runs of `copy_words` words.
        options: Uses copy_share and copy_words.
        own: The text's different runs of `copy_words` words, where the caller has them.

    Returns:
        The score is the largest share, in [0, 1], of the text's different runs that stand in
        one relevant document.

    Example:
        >>> positive = words("Air molecules scatter blue light more than red light.")
        >>> check_copy(positive, ["sky"], [different_runs(positive, 5)], GateOptions()).score
        1.0
    """
    if found and found == query:
        return Finding(True, 1.0, "the text is the query, word by word")
    own = different_runs(found, options.copy_words) if own is None else own
    share = max((_share(own, other) for other in relevant), default=0.0)
    if share > options.copy_share:
        return Finding(True, share, f"{share:.0%} of it stands in a relevant document")
    return Finding(False, share)


def check_corpus_copy(
    found: Sequence[str],
    candidates: Mapping[str, Set[int]],
    options: GateOptions,
    own: Set[int] | None = None,
) -> Finding:
    """Drop what copies a mined candidate of its query almost whole.

    Such a text is a mined negative under another name: it would escape the filter for false
    negatives that mined ones pass, and count as synthetic in the mixture. A rewrite of a
    candidate, which the prompt may ask for, shares much less.

    Args:
        found: Words of the text.
        candidates: Runs of `copy_words` words of the query's nearest mined documents, by id.
        options: Uses corpus_copy_share and copy_words.
        own: The text's different runs of `copy_words` words, where the caller has them.

    Returns:
        The score is the largest share, in [0, 1], of the text's different runs that stand in
        one candidate.

    Example:
        >>> document = words("Leaves look green since chlorophyll absorbs red and blue light.")
        >>> mined = {"d3": different_runs(document, 5)}
        >>> check_corpus_copy(document, mined, GateOptions()).reason
        '100% of it stands in the document d3'
    """
    own = different_runs(found, options.copy_words) if own is None else own
    shares = {name: _share(own, other) for name, other in candidates.items()}
    # Of equal shares the smallest id is told, whatever the order of the candidates.
    nearest = min(shares, key=lambda name: (-shares[name], name), default="")
    share = shares.get(nearest, 0.0)
    if share > options.corpus_copy_share:
        return Finding(True, share, f"{share:.0%} of it stands in the document {nearest}")
    return Finding(False, share)


def _share(own: Set[int], other: Set[int]) -> float:
    return len(own & other) / len(own) if own else 0.0


def check_repetition(
    text: str, options: GateOptions, found: Sequence[str] | None = None
) -> Finding:
    """Drop a text that goes round in circles, as small models do.

    Numbers count as equal, so that a loop that counts upward is a loop.

    Args:
        text: The text.
        options: Uses repetition_share, repetition_words and repetition_sentences.
        found: Words of the text, where the caller has them.

    Returns:
        The score is the share, in [0, 1], of runs of `repetition_words` words that repeat an
        earlier run.

    Example:
        >>> check_repetition("The cell divides again and again. " * 5, GateOptions()).drop
        True
        >>> check_repetition("The cell divides. Then both halves grow.", GateOptions()).drop
        False
    """
    plain = _numbers_alike(words(text) if found is None else found)
    every = runs(plain, options.repetition_words)
    # Runs that are mostly figures repeat in any report of results and tell nothing.
    wordy = _wordy(every) if "0" in plain else every
    share = 1 - len(set(wordy)) / len(wordy) if wordy else 0.0
    if share > options.repetition_share:
        return Finding(True, share, f"{share:.0%} of its runs of words are repeated")
    # A sentence that comes again has runs that come again: without those, no need to cut.
    if options.repetition_words > _SHORTEST_SENTENCE or len(set(every)) < len(every):
        times = _most_frequent_sentence(text)
        if times > options.repetition_sentences:
            return Finding(True, share, f"a sentence stands in it {times} times")
    return Finding(False, share)


def _numbers_alike(found: Sequence[str]) -> list[str]:
    return without_numbers(" ".join(found)).split(" ") if found else []


def _wordy(found: Sequence[Run]) -> list[Run]:
    return [run for run in found if "0" not in run or run.count("0") * 2 < len(run)]


def _most_frequent_sentence(text: str) -> int:
    parts = (tuple(_numbers_alike(words(part))) for part in _SENTENCE_END.split(text))
    sentences = Counter(part for part in parts if len(part) >= _SHORTEST_SENTENCE)
    return max((sentences[one] for one in _wordy(list(sentences))), default=0)


def check_self_check(check: str | None) -> Finding:
    """Drop what the model itself, asked to begin its check with "pass" or "fail", failed.

    Example:
        >>> check_self_check("FAIL: the text answers the query.").drop
        True
        >>> check_self_check("pass: same drug, other disease").drop, check_self_check(None).drop
        (False, False)
    """
    if check is not None and _CHECK_FAILED.match(check):
        return Finding(True, None, f"the model's own check: {check[:120]}")
    return FINE
