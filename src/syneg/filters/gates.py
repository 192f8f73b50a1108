"""The gates: pure functions from a synthetic text to a finding about it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from syneg.filters.options import GateOptions
from syneg.filters.words import Run, runs, without_numbers, words

_SENTENCE_END = re.compile(r"[.!?。！？]+(?:\s+|$)|\n+")
_SHORTEST_SENTENCE = 5
_CHECK_FAILED = re.compile(r"\W*(?:fail|failed|fails)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a gate found.

    Attributes:
        drop: The text must not be used.
        score: What was measured, if anything was.
        reason: One clause for a person to read; None when nothing was found.
    """

    drop: bool
    score: float | None = None
    reason: str | None = None


FINE = Finding(drop=False)


def check_format(text: str | None, problem: str | None) -> Finding:
    """Drop what has no text, or whose answer could not be read.

    Example:
        >>> check_format(None, "cut off").reason
        'cut off'
        >>> check_format("A text.", None).drop
        False
    """
    if problem is not None:
        return Finding(True, None, problem)
    if text is None or not text.strip():
        return Finding(True, None, "there is no text")
    return FINE


def check_length(text: str, positive: str, options: GateOptions) -> Finding:
    """Drop what is much shorter or longer than the positive: length alone would tell it apart.

    Args:
        text: The text, with its title.
        positive: The positive, with its title.
        options: Uses shortest_ratio, longest_ratio, fewest_words and longest_positive.

    Returns:
        The score is the number of words as a multiple of the positive's.

    Example:
        >>> check_length("word " * 40, "word " * 100, GateOptions())
        Finding(drop=False, score=0.4, reason=None)
        >>> check_length("word " * 10, "word " * 100, GateOptions()).reason
        '10 words, fewer than 25'
    """
    count, reference = len(words(text)), max(len(words(positive)), 1)
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
    text: str, query: str, relevant: Sequence[Collection[Run]], options: GateOptions
) -> Finding:
    """Drop what repeats a relevant document, which makes it relevant, or the bare query.

    Args:
        text: The text.
        query: Text of the query.
        relevant: For each relevant document of the query, its runs of `copy_words` words.
        options: Uses copy_share and copy_words.

    Returns:
        The score is the largest share, in [0, 1], of the text's different runs that stand in
        one relevant document.

    Example:
        >>> positive = "Air molecules scatter blue light more than red light."
        >>> check_copy(positive, "sky", [set(runs(words(positive), 5))], GateOptions()).score
        1.0
    """
    found = words(text)
    if found == words(query):
        return Finding(True, 1.0, "the text is the query, word by word")
    own = set(runs(found, options.copy_words))
    if not own:
        return Finding(False, 0.0)
    share = max((sum(run in other for run in own) / len(own) for other in relevant), default=0.0)
    if share > options.copy_share:
        return Finding(True, share, f"{share:.0%} of it stands in a relevant document")
    return Finding(False, share)


def check_repetition(text: str, options: GateOptions) -> Finding:
    """Drop a text that goes round in circles, as small models do.

    Numbers count as equal, so that a loop that counts upward is a loop.

    Args:
        text: The text.
        options: Uses repetition_share, repetition_words and repetition_sentences.

    Returns:
        The score is the share, in [0, 1], of runs of `repetition_words` words that repeat an
        earlier run.

    Example:
        >>> check_repetition("The cell divides again and again. " * 5, GateOptions()).drop
        True
        >>> check_repetition("The cell divides. Then both halves grow.", GateOptions()).drop
        False
    """
    plain = without_numbers(text)
    # Runs that are mostly figures repeat in any report of results and tell nothing.
    wordy = [run for run in runs(words(plain), options.repetition_words) if _is_wordy(run)]
    share = 1 - len(set(wordy)) / len(wordy) if wordy else 0.0
    if share > options.repetition_share:
        return Finding(True, share, f"{share:.0%} of its runs of words are repeated")
    sentences = Counter(tuple(words(part)) for part in _SENTENCE_END.split(plain))
    times = max((sentences[one] for one in sentences if _is_sentence(one)), default=0)
    if times > options.repetition_sentences:
        return Finding(True, share, f"a sentence stands in it {times} times")
    return Finding(False, share)


def _is_wordy(run: Run) -> bool:
    return run.count("0") * 2 < len(run)


def _is_sentence(part: Run) -> bool:
    return len(part) >= _SHORTEST_SENTENCE and _is_wordy(part)


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
