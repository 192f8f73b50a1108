"""The gate that tells how hard a text is, seen from the query's mined negatives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.filters.gates import FINE, Finding
from syneg.filters.options import GateOptions

_RANDOM = "random"
_Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """Where a query's mined negatives lie, by their similarity to the query.

    Attributes:
        low: Similarity, in [-1, 1], below which a text is easier than they are.
        high: Similarity above which it is harder.
    """

    low: float
    high: float


def check_hardness(
    similarity: float | None, band: Band | None, positive: float | None = None
) -> Finding:
    """Mark a text that lies outside the band of the mined negatives, or above the positive.

    It is never dropped: a good negative that differs from the positive in one point is meant
    to be nearer to the query than any mined one, and whether it answers is for the judge.

    Args:
        similarity: Cosine of the query and the text under the starting model.
        band: Where the query's mined negatives lie; None where there are too few.
        positive: Cosine of the query and the positive, where known.

    Returns:
        The score is the place in the band: 0 at its lower edge, 1 at its upper one; None
        without a band.

    Example:
        >>> check_hardness(0.5, Band(0.4, 0.6)).score
        0.5
        >>> check_hardness(0.2, Band(0.4, 0.6)).reason
        'easier than the mined negatives: similarity 0.200, below 0.400'
        >>> check_hardness(0.9, Band(0.4, 0.6), positive=0.8).reason
        'nearer to the query than its positive: similarity 0.900, above 0.800'
    """
    if similarity is None or not math.isfinite(similarity):
        return FINE
    score = None
    if band is not None and band.high > band.low:
        score = (similarity - band.low) / (band.high - band.low)
    if positive is not None and similarity > positive:
        which, edge = "nearer to the query than its positive", f"above {positive:.3f}"
    elif band is not None and similarity < band.low:
        which, edge = "easier than the mined negatives", f"below {band.low:.3f}"
    elif band is not None and similarity > band.high:
        which, edge = "harder than the mined negatives", f"above {band.high:.3f}"
    else:
        return Finding(False, score)
    return Finding(False, score, f"{which}: similarity {similarity:.3f}, {edge}", mark=True)


def hardness_bands(mined: pa.Table, options: GateOptions) -> dict[str, Band]:
    """Return the band of each query that has enough mined negatives.

    Negatives drawn at random are passed over, for nobody looks for them; a document that
    several sources found counts once.

    Args:
        mined: Rows with `NEGATIVE_SCHEMA`; those without similarity are passed over.
        options: Uses hardness_lowest, hardness_highest and hardness_fewest.

    Example:
        >>> from syneg.negatives.record import Negative, to_table
        >>> found = to_table([
        ...     Negative(negative_id=str(n), query_id="q", positive_id="p", source="dense",
        ...              doc_id=str(n), query_similarity=n / 8) for n in range(5)])
        >>> hardness_bands(found, GateOptions(hardness_lowest=0.25))
        {'q': Band(low=0.125, high=0.5)}
    """
    table = mined.select(["query_id", "doc_id", "query_similarity", "source"])
    usable = pc.and_(
        pc.and_(pc.is_valid(table["doc_id"]), pc.not_equal(table["source"], _RANDOM)),
        pc.fill_null(pc.is_finite(table["query_similarity"]), False),
    )
    table = table.filter(usable).group_by(["query_id", "doc_id"])
    table = table.aggregate([("query_similarity", "max")])
    table = table.sort_by([("query_id", "ascending"), ("query_similarity_max", "ascending")])
    similarity = table["query_similarity_max"].to_numpy().astype(np.float64)
    queries = table["query_id"].combine_chunks().dictionary_encode()
    queries = queries.combine_chunks() if isinstance(queries, pa.ChunkedArray) else queries
    counts = np.bincount(queries.indices.to_numpy(), minlength=len(queries.dictionary))
    starts = np.cumsum(counts) - counts
    enough = counts >= options.hardness_fewest
    low = _quantiles(similarity, starts[enough], counts[enough], options.hardness_lowest)
    high = _quantiles(similarity, starts[enough], counts[enough], options.hardness_highest)
    names = queries.dictionary.filter(pa.array(enough)).to_pylist()
    return {
        name: Band(*edges) for name, *edges in zip(names, low.tolist(), high.tolist(), strict=True)
    }


def hardness_findings(
    written: pa.Table,
    mined: pa.Table,
    positive_similarity: Mapping[tuple[str, str], float],
    options: GateOptions,
) -> list[Finding]:
    """Return what `check_hardness` finds of every row.

    Args:
        written: Rows with `NEGATIVE_SCHEMA`.
        mined: The mined negatives of the same queries.
        positive_similarity: Similarity of query and positive, by (query_id, positive_id).
        options: Uses those of `hardness_bands`.
    """
    bands = hardness_bands(mined, options)
    columns = ("query_id", "positive_id", "query_similarity")
    return [
        check_hardness(similarity, bands.get(query), positive_similarity.get((query, positive)))
        for query, positive, similarity in zip(
            *(written[name].to_pylist() for name in columns), strict=True
        )
    ]


def _quantiles(
    values: _Numbers, starts: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], share: float
) -> _Numbers:
    """Return a quantile of each group of sorted values, between neighbours in proportion."""
    place = share * (counts - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(counts - 1, 0))
    weight = place - below
    result: _Numbers = values[starts + below] * (1 - weight) + values[starts + above] * weight
    return result
