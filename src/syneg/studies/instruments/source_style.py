"""Selection by style: which synthetic negatives are like the mined ones in what can be counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset, join_title
from syneg.errors import InputError
from syneg.files import value_hash
from syneg.filters.words import words
from syneg.mixing.mixer import FILL
from syneg.negatives.record import SYNTHETIC
from syneg.negatives.verdict import Decision, Verdict, now, verdicts_to_table
from syneg.studies.instruments.arrays import finite_values

STYLE = "style"
"""The `filter` of the verdicts."""


def within_range(
    values_synthetic: npt.ArrayLike,
    values_mined: npt.ArrayLike,
    low: float = 0.05,
    high: float = 0.95,
) -> npt.NDArray[np.bool_]:
    """Say which synthetic values lie among the mined ones.

    InfoNCE learns any difference between the sources that lowers the loss (arXiv 2604.06163):
    what lies outside the mined negatives' range is told apart without reading.

    Args:
        values_synthetic: One value per synthetic negative, shape (n,); "not a number" is
            never among them.
        values_mined: The same of mined negatives, one or more.
        low: Quantile of the mined values that is the lower end, in [0, 1].
        high: Quantile that is the upper end, in [0, 1], not below `low`. Both ends count in.

    Returns:
        Shape (n,).

    Raises:
        ValueError: There are no mined values, one is not finite, or the quantiles are none.

    Example:
        >>> within_range([0.1, 0.5, 0.9], [0.4, 0.5, 0.6])
        array([False,  True, False])
    """
    least, most = _ends(values_mined, low, high)
    values = np.asarray(values_synthetic, dtype=np.float64)
    mask: npt.NDArray[np.bool_] = (values >= least) & (values <= most)
    return mask


def recognition_weights(probability: npt.ArrayLike, least: float = 0.05) -> npt.NDArray[np.float64]:
    """Return how much each generated text should count: the less recognisable, the more.

    The weight is 1 - P(generated), not below `least`, divided by the mean of these.

    Args:
        probability: P(generated) of each text in [0, 1], from `shortcut_probe`.
        least: Smallest weight before the division, in (0, 1]: no text falls out altogether,
            and none of a set that is recognised throughout gets all the weight.

    Returns:
        Shape of `probability`; the mean is 1.

    Raises:
        ValueError: A probability is not in [0, 1], or `least` not in (0, 1].

    Example:
        >>> recognition_weights([0.2, 0.6, 1.0], least=0.3)
        array([1.6, 0.8, 0.6])
    """
    values = finite_values(probability, "the probabilities")
    if not 0 < least <= 1:
        raise ValueError(f"the smallest weight must be above 0 and at most 1, not {least}")
    if ((values < 0) | (values > 1)).any():
        raise ValueError("a probability is not between 0 and 1")
    weights: npt.NDArray[np.float64] = np.maximum(1 - values, least)
    return weights / weights.mean() if len(weights) else weights


def select_synthetic(
    negatives: pa.Table,
    dataset: RetrievalDataset,
    *,
    recognised: Mapping[str, float] | None = None,
    recognised_below: float = 0.5,
    low: float = 0.05,
    high: float = 0.95,
) -> pa.Table:
    """Keep the synthetic negatives that are like the mined ones.

    Kept is what lies in the mined negatives' range in its similarity to the query and in its
    length in words (with title), and is not recognised as generated. Mined are all that name
    a document, except random ones: those are no hard negatives.

    Args:
        negatives: Columns of `NEGATIVE_SCHEMA` with `query_similarity` filled in.
        dataset: Where the mined negatives' texts are.
        recognised: P(generated) by negative_id for the synthetic negatives, from
            `shortcut_probe`; None leaves this out.
        recognised_below: Those with a lower probability are kept, in [0, 1].
        low: As for `within_range`.
        high: As for `within_range`.

    Returns:
        One verdict for each synthetic negative, columns of `VERDICT_SCHEMA`: keep, or drop
        with the reason.

    Raises:
        InputError: There are no mined negatives with a similarity.
        ValueError: A synthetic negative with a text has no probability, though others have.

    Example:
        >>> from syneg.negatives.record import Negative, to_table
        >>> data = RetrievalDataset.from_rows("tiny", corpus=[("d1", "", "Cats sleep a lot.")],
        ...     queries=[("q1", "What do cats do?")], qrels={})
        >>> mined = Negative(negative_id="a", query_id="q1", positive_id="d0", source="bm25",
        ...     doc_id="d1", query_similarity=0.5)
        >>> written = Negative(negative_id="b", query_id="q1", positive_id="d0", source="llm",
        ...     text="Dogs bark at night.", query_similarity=0.25)
        >>> select_synthetic(to_table([mined, written]), data)["reason"].to_pylist()
        ["similarity to the query 0.25 is outside the mined negatives' 0.5 to 0.5"]
    """
    mined, written = _by_kind(negatives)
    ranges = {
        "similarity to the query": _ends([row["query_similarity"] for row in mined], low, high),
        "length in words": _ends(_document_lengths(mined, dataset), low, high),
    }
    settings = [ranges, None if recognised is None else [recognised_below, dict(recognised)]]
    fingerprint, time = value_hash(settings), now()
    verdicts = []
    for row in written:
        reason = _against(row, ranges, recognised, recognised_below)
        verdicts.append(
            Verdict(
                negative_id=row["negative_id"],
                filter=STYLE,
                fingerprint=fingerprint,
                decision=Decision.KEEP if reason is None else Decision.DROP,
                score=None if recognised is None else recognised.get(row["negative_id"]),
                reason=reason,
                time=time,
            )
        )
    return verdicts_to_table(verdicts)


def _by_kind(negatives: pa.Table) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of mined negatives with a similarity, and those of synthetic ones."""
    columns = ["negative_id", "source", "doc_id", "title", "text", "query_similarity"]
    rows = negatives.select(columns).to_pylist()
    mined = [
        row
        for row in rows
        if row["source"] not in (SYNTHETIC, FILL)
        and row["doc_id"] is not None
        and row["query_similarity"] is not None
    ]
    if not mined:
        raise InputError(
            "there are no mined negatives with a similarity to compare the synthetic ones with",
            remedy="mine some, and fill in their similarities",
        )
    return mined, [row for row in rows if row["source"] == SYNTHETIC]


def _document_lengths(mined: list[dict[str, Any]], dataset: RetrievalDataset) -> list[int]:
    ids = list(dict.fromkeys(row["doc_id"] for row in mined))
    texts = dataset.document_texts(dataset.document_rows(ids))
    lengths = {doc_id: len(words(text)) for doc_id, text in zip(ids, texts, strict=True)}
    return [lengths[row["doc_id"]] for row in mined]


def _against(
    row: Mapping[str, Any],
    ranges: Mapping[str, tuple[float, float]],
    recognised: Mapping[str, float] | None,
    recognised_below: float,
) -> str | None:
    """Return what speaks against a synthetic negative, or None."""
    if row["text"] is None or row["query_similarity"] is None:
        return "there is no text or no similarity"
    text = join_title(row["title"], row["text"])
    found = (row["query_similarity"], len(words(text)))
    for (name, (least, most)), value in zip(ranges.items(), found, strict=True):
        if not least <= value <= most:
            return f"{name} {value:.3g} is outside the mined negatives' {least:.3g} to {most:.3g}"
    if recognised is None:
        return None
    if row["negative_id"] not in recognised:
        raise ValueError(f"negative '{row['negative_id']}' has no probability")
    probability = recognised[row["negative_id"]]
    if probability < recognised_below:
        return None
    return f"it is recognised as generated with probability {probability:.2f}"


def _ends(values: npt.ArrayLike, low: float, high: float) -> tuple[float, float]:
    mined = finite_values(values, "the values of the mined negatives")
    if not len(mined):
        raise ValueError("there are no mined negatives to compare with")
    if not 0 <= low <= high <= 1:
        raise ValueError(f"quantiles from {low} to {high}")
    least, most = np.quantile(mined, [low, high])
    return float(least), float(most)
