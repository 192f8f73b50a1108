"""The shortcut probe: can generated texts be told from the corpus without reading the query?"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from syneg.seeding import generator_for
from syneg.studies.instruments.arrays import Floats
from syneg.studies.instruments.classifier import area_under_curve, cross_validate, word_features

logger = logging.getLogger(__name__)

Telling = dict[str, list[tuple[str, float]]]

_DRAWS = 1_000
_TOLD = 12
"""So many words and bigrams are told in each direction."""


@dataclass(frozen=True)
class ProbeResult:
    """How well a query-blind classifier tells generated texts from the corpus.

    Attributes:
        auc: Area under the ROC curve over the texts, each judged by a classifier that has
            seen no text of its group: 0.5 is chance, 1 means that style alone gives the
            generated texts away.
        low: Lower end of the 95% bootstrap interval over texts.
        high: Upper end of it. The folds are held fixed.
        generated_probability: P(generated) of each generated text in [0, 1], in the order
            given. Both kinds weigh the same, so 0.5 means "cannot tell".
        corpus_texts: How many corpus texts took part, repeated ones counted once.
        telling: The (word or bigram, weight) that speak most for "generated" and for
            "corpus", strongest first, of a classifier of all texts; empty for vectors.
    """

    auc: float
    low: float
    high: float
    generated_probability: npt.NDArray[np.float64]
    corpus_texts: int
    telling: Telling

    def summary(self) -> dict[str, Any]:
        """Return plain values for a report."""
        return {
            "auc": self.auc,
            "low": self.low,
            "high": self.high,
            "generated_texts": len(self.generated_probability),
            "corpus_texts": self.corpus_texts,
            "generated_probability_mean": float(self.generated_probability.mean()),
            "telling": self.telling,
        }


def shortcut_probe(
    generated: Sequence[str],
    corpus: Sequence[str],
    generated_groups: Sequence[str],
    corpus_groups: Sequence[str] | None = None,
    *,
    folds: int = 5,
    seed: int = 0,
    words: int = 110,
) -> ProbeResult:
    """Tell generated texts from corpus texts by their words alone.

    Logistic regression on tf-idf of words and bigrams, cross-validated. A model that is
    trained with these texts as negatives could learn the same shortcut ("looks generated,
    so irrelevant": CausalNeg, arXiv 2606.01304) instead of relevance. A high value shows
    that the shortcut is there, not that it is taken; `harm` measures that.

    Args:
        generated: Texts that a language model wrote, with their titles.
        corpus: Texts to tell them from, with their titles. Random documents ask "are these
            texts of this corpus?", mined negatives "which negative was generated?". A text
            given twice is used once, in its first group: it would be known by heart.
        generated_groups: The query of each generated text; the positive where queries share
            one, as in SciFact, or the matter that their texts share is taken for style. No
            group is in the training and the test part of a fold at once.
        corpus_groups: The same for the corpus texts; None makes each one its own group.
        folds: Parts of the cross-validation, 2 or more.
        seed: Of the folds and of the bootstrap.
        words: So many words are read of each text, so that length says little.

    Raises:
        InputError: There are too few groups of either kind for so many folds.
        MissingExtraError: scikit-learn is not installed.
        ValueError: Texts and groups differ in number.

    Example:
        >>> written = [f"In conclusion, number {n} plays a crucial role." for n in range(20)]
        >>> found = [f"We measured sample {n} twice." for n in range(20)]
        >>> result = shortcut_probe(written, found, [f"q{n}" for n in range(20)])
        >>> result.auc, float(result.generated_probability.min()) > 0.5
        (1.0, True)
        >>> "conclusion" in dict(result.telling["generated"])
        True
    """
    kept = _first_of_each(corpus)
    texts = [*generated, *(corpus[place] for place in kept)]
    groups = _group_numbers(len(generated), len(corpus), generated_groups, corpus_groups, kept)
    rows, names = word_features(texts, words)
    return _probe(rows, names, groups, len(generated), strength=10.0, folds=folds, seed=seed)


def probe_vectors(
    generated: Floats,
    corpus: Floats,
    generated_groups: Sequence[str],
    corpus_groups: Sequence[str] | None = None,
    *,
    folds: int = 5,
    seed: int = 0,
) -> ProbeResult:
    """Tell generated texts from corpus texts by their embeddings: `shortcut_probe` on vectors.

    What the words give away need not be visible to the retriever; this asks whether it is,
    and, repeated after training, whether training has made it more visible.

    Args:
        generated: Vectors of the generated texts, shape (n, dimensions).
        corpus: Vectors of the corpus texts, shape (m, dimensions), from the same model.
        generated_groups: As for `shortcut_probe`.
        corpus_groups: As for `shortcut_probe`.
        folds: Parts of the cross-validation, 2 or more.
        seed: Of the folds and of the bootstrap.

    Raises:
        InputError: There are too few groups of either kind for so many folds.
        MissingExtraError: scikit-learn is not installed.
        ValueError: Vectors and groups differ in number.

    Example:
        >>> draw = np.random.default_rng(0).normal
        >>> names = [f"q{n}" for n in range(60)]
        >>> probe_vectors(draw(2.0, 1, (60, 8)), draw(0.0, 1, (60, 8)), names).auc > 0.95
        True
    """
    kept = _first_of_each([row.tobytes() for row in corpus])
    groups = _group_numbers(len(generated), len(corpus), generated_groups, corpus_groups, kept)
    rows = np.concatenate([generated, corpus[kept]]).astype(np.float64)
    # All dimensions alike, whatever training has done to their spread.
    rows = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-12)
    return _probe(rows, [], groups, len(generated), strength=0.01, folds=folds, seed=seed)


def _probe(
    rows: Any,
    names: Sequence[str],
    groups: npt.NDArray[np.int64],
    generated: int,
    *,
    strength: float,
    folds: int,
    seed: int,
) -> ProbeResult:
    """Cross-validate a classifier of feature rows, of which the first `generated` are generated."""
    labels = (np.arange(rows.shape[0]) < generated).astype(np.int64)
    probability, weights = cross_validate(
        rows, labels, groups, strength=strength, folds=folds, seed=seed
    )
    positive, negative = probability[:generated], probability[generated:]
    generator = generator_for(seed, "probe", "bootstrap")
    drawn = [
        area_under_curve(
            generator.choice(positive, len(positive)), generator.choice(negative, len(negative))
        )
        for _ in range(_DRAWS)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return ProbeResult(
        auc=area_under_curve(positive, negative),
        low=float(low),
        high=float(high),
        generated_probability=positive,
        corpus_texts=len(negative),
        telling=_telling(names, weights),
    )


def _telling(names: Sequence[str], weights: Floats) -> Telling:
    ordered = np.argsort(weights, kind="stable")[: len(names)]

    def strongest(places: npt.NDArray[np.intp], sign: int) -> list[tuple[str, float]]:
        return [
            (names[place], round(float(weights[place]), 3))
            for place in places[:_TOLD]
            if sign * weights[place] > 0
        ]

    return {"generated": strongest(ordered[::-1], 1), "corpus": strongest(ordered, -1)}


def _first_of_each(keys: Sequence[Hashable]) -> list[int]:
    """Return the places at which a key stands for the first time."""
    first: dict[Hashable, int] = {}
    for place, key in enumerate(keys):
        first.setdefault(key, place)
    if len(first) < len(keys):
        logger.info("%d corpus texts are repeated; each is used once", len(keys) - len(first))
    return list(first.values())


def _group_numbers(
    generated: int,
    corpus: int,
    generated_groups: Sequence[str],
    corpus_groups: Sequence[str] | None,
    kept: Sequence[int],
) -> npt.NDArray[np.int64]:
    given = corpus if corpus_groups is None else len(corpus_groups)
    if len(generated_groups) != generated or given != corpus:
        raise ValueError(
            f"{generated} and {corpus} texts, but {len(generated_groups)} and {given} groups"
        )
    # Pairs, so that no number of a text can be taken for the name of a query.
    names: list[tuple[str, str | int]] = [("query", name) for name in generated_groups]
    if corpus_groups is None:
        names += [("alone", place) for place in kept]
    else:
        names += [("query", corpus_groups[place]) for place in kept]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)
