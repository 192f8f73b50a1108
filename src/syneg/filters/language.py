"""The gate against texts in another language than the collection's."""

from __future__ import annotations

import importlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import numpy as np
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.gates import FINE, Finding
from syneg.filters.options import GateOptions
from syneg.filters.scripts import main_script
from syneg.filters.words import words

logger = logging.getLogger(__name__)

Detector = Callable[[str], Sequence[tuple[str, float]]]
"""Returns the probability of every language for a text, the likeliest first."""

_SAMPLE = 200
_COMMON = 0.05
_FAMILIAR = 100
_LEAST_FAMILIAR = 0.05
_CHARACTERS = 600
# Told apart by a word here and there: one of them is as good as another.
_RELATED = (
    frozenset({"zh", "wuu", "yue"}),
    frozenset({"no", "nb", "nn"}),
    frozenset({"id", "ms"}),
    frozenset({"bs", "hr", "sr"}),
)


@dataclass(frozen=True)
class CollectionLanguage:
    """What is known of the language of a collection.

    Attributes:
        scripts: Scripts of at least 5% of the sampled documents that have a clear one.
        languages: Languages, ISO codes, of as many; empty where nothing could tell.
        familiar: Words that stand in most documents; empty unless there is one language.
        least_familiar: Share of such words that 19 of 20 documents exceed, in [0, 1].
    """

    scripts: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    familiar: frozenset[str] = frozenset()
    least_familiar: float = 1.0


@cache
def language_detector() -> Detector | None:
    """Return the detector of the package py3langid, or None where it is not installed.

    Without it the gate compares scripts alone.
    """
    try:
        module = importlib.import_module("py3langid.langid")
        read = module.LanguageIdentifier.from_model_file
    except (ImportError, AttributeError):
        # Versions before 0.4 know fewer languages and are too sure of them.
        return None
    identifier = read(module.MODEL_FILE, norm_probs=True)

    def detect(text: str) -> list[tuple[str, float]]:
        # Half a surrogate pair cannot be written as UTF-8, which the package reads.
        readable = text[:_CHARACTERS].encode("utf-8", "ignore").decode("utf-8")
        return [(name, float(chance)) for name, chance in identifier.rank(readable)]

    return detect


@cache
def warn_of_missing_detector() -> None:
    """Say once, in the log, that languages of the same script are not told apart."""
    logger.warning(
        "the gate 'language' compares scripts alone, because the package 'py3langid' is not "
        "installed; run: pip install 'syneg[language]'"
    )


def detector_name(detect: Detector | None) -> str | None:
    """Return the name and version of what `language_detector` returned, for fingerprints.

    Example:
        >>> detector_name(None) is None
        True
    """
    return None if detect is None else f"py3langid {version('py3langid')}"


def collection_language(
    dataset: RetrievalDataset, options: GateOptions, detect: Detector | None
) -> CollectionLanguage:
    """Find out in which scripts and languages a collection is written.

    Args:
        dataset: At most 200 of its documents are looked at, evenly spread.
        options: Uses languages, which are believed where given, and language_words.
        detect: From `language_detector`.

    Example:
        >>> rows = [(str(n), "", "Air scatters blue light more than red light. " * 4)
        ...         for n in range(9)]
        >>> data = RetrievalDataset.from_rows("tiny", corpus=rows, queries=[], qrels={})
        >>> found = collection_language(data, GateOptions(languages=("en",)), None)
        >>> sorted(found.scripts), sorted(found.languages), "light" in found.familiar
        (['Latin'], ['en'], True)
    """
    size = dataset.corpus.num_rows
    rows = range(0, size, max(-(-size // _SAMPLE), 1))
    texts = dataset.corpus["text"].take(pa.array(rows, pa.int64())).to_pylist()
    read = [(text, words(text)) for text in texts if text]
    read = [(text, found) for text, found in read if len(found) >= options.language_words]
    scripts = _common(main_script(text) for text, _ in read)
    if options.languages:
        languages = frozenset(options.languages)
    elif detect is not None:
        languages = _common(_sure(detect(text), options.language_sureness) for text, _ in read)
    else:
        languages = frozenset()
    if len(languages) != 1:
        return CollectionLanguage(scripts, languages)
    counts = Counter(word for _, found in read for word in set(found))
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    familiar = frozenset(ordered[:_FAMILIAR])
    shares = [_familiar_share(found, familiar) for _, found in read]
    least = float(np.quantile(shares, _LEAST_FAMILIAR)) if shares else 1.0
    return CollectionLanguage(scripts, languages, familiar, least)


def check_language(
    text: str,
    found: Sequence[str],
    positive: str,
    collection: CollectionLanguage,
    options: GateOptions,
    detect: Detector | None,
) -> Finding:
    """Drop what is surely in another language than its positive: that alone would tell it apart.

    Short texts, texts of mixed scripts and whatever the detector is not sure of are kept. In
    a collection of several languages the text's must be its positive's.

    Args:
        text: The text.
        found: Its words.
        positive: The positive.
        collection: From `collection_language`.
        options: Uses language_words and language_sureness.
        detect: From `language_detector`.

    Returns:
        The score is the probability, in [0, 1], that the text is in another language; None
        where nothing can be told.

    Example:
        >>> english = CollectionLanguage(frozenset({"Latin"}), frozenset({"en"}))
        >>> text = "Небо голубое, потому что воздух рассеивает синий свет. " * 4
        >>> check_language(text, words(text), "Air scatters blue light.", english, GateOptions(),
        ...                None).reason
        'its script is Cyrillic, not Latin'
    """
    if len(found) < options.language_words:
        return FINE
    # Nearly all texts end here: the rest is slow.
    if collection.familiar and _familiar_share(found, collection.familiar) >= max(
        collection.least_familiar, 1 / _FAMILIAR
    ):
        return Finding(False, 0.0)
    script = main_script(text)
    scripts = _expected(main_script(positive), collection.scripts)
    if script is not None and scripts and script not in scripts:
        return Finding(True, 1.0, f"its script is {script}, not {_either(scripts)}")
    if not collection.languages or detect is None:
        return FINE
    ranked = detect(text)
    other = _chance_of_others(ranked, collection.languages)
    if len(collection.languages) == 1 and other < options.language_sureness:
        return Finding(False, other)
    own = _sure(detect(positive), options.language_sureness)
    languages = _expected(own, collection.languages)
    other = _chance_of_others(ranked, languages)
    if other >= options.language_sureness:
        return Finding(True, other, f"its language is '{ranked[0][0]}', not {_either(languages)}")
    return Finding(False, other)


def _chance_of_others(ranked: Sequence[tuple[str, float]], languages: frozenset[str]) -> float:
    accepted = languages.union(*(group for group in _RELATED if group & languages))
    return max(1 - sum(chance for name, chance in ranked if name in accepted), 0.0)


def _expected(own: str | None, common: frozenset[str]) -> frozenset[str]:
    # A positive that stands alone in its language may well be misjudged itself.
    if own is None:
        return common
    return frozenset({own}) if own in common else common | {own}


def _sure(ranked: Sequence[tuple[str, float]], least: float) -> str | None:
    if not ranked:
        return None
    likeliest = ranked[0][0]
    others = _chance_of_others(ranked, frozenset({likeliest}))
    return likeliest if 1 - others >= least else None


def _common(names: Iterable[str | None]) -> frozenset[str]:
    counts = Counter(name for name in names if name is not None)
    return frozenset(one for one in counts if counts[one] >= _COMMON * counts.total())


def _familiar_share(found: Sequence[str], familiar: frozenset[str]) -> float:
    return sum(map(familiar.__contains__, found)) / len(found)


def _either(names: Collection[str]) -> str:
    return " or ".join(sorted(names))
