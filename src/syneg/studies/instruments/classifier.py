"""A plain text classifier, cross-validated by groups: what the shortcut probe is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from syneg.errors import InputError, MissingExtraError
from syneg.filters.words import words as split_words
from syneg.studies.instruments.arrays import Floats


def word_features(texts: Sequence[str], words: int) -> tuple[Any, list[str]]:
    """Return the tf-idf matrix of words and bigrams, and the name of each column.

    It is made of all texts at once: it knows which words are rare, not who wrote them.

    Args:
        texts: Two or more texts.
        words: So many words are read of each.

    Returns:
        A sparse matrix, shape (texts, features), and the features' names.

    Raises:
        InputError: No two texts share a word.
        MissingExtraError: scikit-learn is not installed.

    Example:
        >>> word_features(["Cats purr.", "Some cats sleep."], 110)[1]
        ['cats']
    """
    try:
        from sklearn.feature_extraction.text import (  # type: ignore[import-untyped, unused-ignore]
            TfidfVectorizer,
        )
    except ImportError as error:
        raise MissingExtraError("sklearn", "train") from error

    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2), min_df=2, sublinear_tf=True, token_pattern=r"\S+", lowercase=False
    )
    # Split here, not by scikit-learn, which knows no Chinese words and none of one letter.
    split = [" ".join(split_words(text)[:words]) for text in texts]
    try:
        rows = vectorizer.fit_transform(split)
    except ValueError as error:
        raise InputError(
            "no two texts share a word, so there is nothing to tell them apart by",
            remedy="give more texts",
        ) from error
    return rows, list(vectorizer.get_feature_names_out())


def cross_validate(
    rows: Any,
    labels: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    *,
    strength: float,
    folds: int,
    seed: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Judge each row by a classifier that has seen no row of its group.

    Logistic regression; both labels weigh the same, however many rows each has.

    Args:
        rows: Features, shape (n, features), dense or sparse.
        labels: 0 or 1, shape (n,).
        groups: Number of each row's group, shape (n,).
        strength: scikit-learn's C: the larger, the more closely the classifier fits.
        folds: Parts of the cross-validation, 2 or more.
        seed: Of the folds.

    Returns:
        P(label 1) of each row, shape (n,), and the weights of a classifier of all rows,
        shape (features,).

    Raises:
        InputError: There are too few groups of either label for so many folds.
        MissingExtraError: scikit-learn is not installed.

    Example:
        >>> labels = np.arange(40) % 2
        >>> rows = labels[:, None] + np.zeros((40, 3))
        >>> probability, weights = cross_validate(
        ...     rows, labels, np.arange(40), strength=1.0, folds=4, seed=0)
        >>> bool((probability.round() == labels).all()), weights.shape
        (True, (3,))
    """
    classifier = _classifier(strength)
    probability = np.empty(len(labels))
    for train, test in _folds(labels, groups, folds, seed):
        classifier.fit(rows[train], labels[train])
        probability[test] = classifier.predict_proba(rows[test])[:, 1]
    weights: npt.NDArray[np.float64] = classifier.fit(rows, labels).coef_[0]
    return probability, weights


def area_under_curve(positive: Floats, negative: Floats) -> float:
    """Return the share of pairs in which the positive has the higher value, ties as half.

    Args:
        positive: Values of the positives, shape (n,), n > 0.
        negative: Values of the negatives, shape (m,), m > 0.

    Example:
        >>> area_under_curve(np.array([0.2, 0.9]), np.array([0.1, 0.2]))
        0.875
    """
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.mean() / (2 * len(negative)))


def _folds(
    labels: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], folds: int, seed: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    from sklearn.model_selection import (  # type: ignore[import-untyped, unused-ignore]
        StratifiedGroupKFold,
    )

    fewest = min(len(np.unique(groups[labels == label])) for label in (0, 1))
    if fewest < folds:
        raise InputError(
            f"there are texts of only {fewest} queries of one kind for {folds} folds",
            remedy="give more texts, or fewer folds",
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    pairs = list(splitter.split(labels, labels, groups))
    if any(len(np.unique(labels[train])) < 2 for train, _ in pairs):
        raise InputError(
            "a fold has texts of only one kind to learn from",
            remedy="give smaller groups, or fewer folds",
        )
    return pairs


def _classifier(strength: float) -> Any:
    try:
        from sklearn.linear_model import (  # type: ignore[import-untyped, unused-ignore]
            LogisticRegression,
        )
    except ImportError as error:
        raise MissingExtraError("sklearn", "train") from error

    return LogisticRegression(C=strength, max_iter=1_000, class_weight="balanced")
