"""The filter for false negatives among the mined: nearly as near as the positive."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.errors import InputError
from syneg.files import value_hash
from syneg.mining.rule_kinds import above_share, share_of_positive
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision, now

PERCENTAGE_OF_POSITIVE = "percentage-of-positive"
"""Name of the filter."""

_COLUMNS = ["negative_id", "query_id", "positive_id", "doc_id", "query_similarity"]
_VERSION = 1

_Numbers = npt.NDArray[np.float64]


def false_negative_verdicts(
    negatives: pa.Table,
    *,
    positive_similarity: Mapping[tuple[str, str], float],
    percentage: float = 0.95,
) -> pa.Table:
    """Judge mined negatives by how near they are to the query, seen from their positive.

    This is NV-Retriever's TopK-PercPos (arXiv 2407.15831): a document that is nearly as near
    to the query as the positive is often relevant itself. The ceiling lies below the
    positive's similarity s by (1 - percentage) * |s|, so it does for negative ones too.
    Synthetic negatives are passed over: a good one differs from the positive in one point
    and is meant to be this near. Every mined one gets a verdict, and is held against the
    positive that it was proposed against; `select_from_pool` has all rules and references and
    writes only of what is removed.

    Args:
        negatives: Rows with `NEGATIVE_SCHEMA`, any number of them; mined ones need a
            `query_similarity`.
        positive_similarity: Similarity of query and positive under the same model, by
            (query_id, positive_id).
        percentage: The ceiling as a share of the positive's similarity, above 0, up to 1.

    Returns:
        Rows with `VERDICT_SCHEMA`, one per mined negative in their order. The score is the
        negative's similarity as a share of the positive's, counted so that more than
        `percentage` is dropped, also where the positive's is negative.

    Raises:
        InputError: `percentage` is out of range, or a similarity is missing.

    Example:
        >>> from syneg.negatives.record import Negative, to_table
        >>> def mined(doc_id, similarity):
        ...     return Negative(negative_id=doc_id, query_id="q", positive_id="p", source="dense",
        ...                     doc_id=doc_id, query_similarity=similarity)
        >>> judged = false_negative_verdicts(to_table([mined("a", 0.75), mined("b", 0.5)]),
        ...                                  positive_similarity={("q", "p"): 0.76})
        >>> judged["decision"].to_pylist()
        ['drop', 'keep']
    """
    if not 0 < percentage <= 1:
        raise InputError(
            "is out of range",
            field="percentage",
            value=percentage,
            remedy="give a share above 0, up to 1, such as 0.95",
        )
    mined = negatives.select(_COLUMNS)
    mined = mined.filter(pc.is_valid(mined["doc_id"]))
    similarity = _query_similarities(mined)
    positive = _positive_similarities(mined, positive_similarity)
    drop = above_share(similarity, positive, percentage)
    share = share_of_positive(similarity, positive)
    reason = f"nearer to the query than {percentage:.0%} of its positive"
    count = mined.num_rows
    columns = {
        "negative_id": mined["negative_id"],
        "filter": pa.repeat(PERCENTAGE_OF_POSITIVE, count),
        "fingerprint": pa.repeat(value_hash([PERCENTAGE_OF_POSITIVE, _VERSION, percentage]), count),
        "decision": pc.if_else(pa.array(drop), Decision.DROP.value, Decision.KEEP.value),
        "score": pa.array(share, pa.float64(), mask=~np.isfinite(share)),
        "reason": pc.if_else(pa.array(drop), reason, pa.scalar(None, pa.string())),
        "reviewer": pa.nulls(count, pa.string()),
        "time": pa.repeat(pa.scalar(now(), VERDICT_SCHEMA.field("time").type), count),
    }
    return pa.table(columns, schema=VERDICT_SCHEMA)


def _query_similarities(mined: pa.Table) -> _Numbers:
    values = mined["query_similarity"].cast(pa.float64()).to_numpy(zero_copy_only=False)
    missing = np.flatnonzero(~np.isfinite(values))
    if missing.size:
        raise InputError(
            f"{missing.size} mined negatives have no similarity to their query",
            field="query_similarity",
            value=mined["negative_id"][int(missing[0])].as_py(),
            remedy="encode queries and documents first",
        )
    return np.asarray(values, np.float64)


def _positive_similarities(mined: pa.Table, known: Mapping[tuple[str, str], float]) -> _Numbers:
    # Look up each different pair once: there are far fewer pairs than rows.
    encoded = [mined[name].combine_chunks() for name in ("query_id", "positive_id")]
    queries, positives = (pc.dictionary_encode(_one_array(column)) for column in encoded)
    width = max(len(positives.dictionary), 1)
    codes = queries.indices.cast(pa.int64()).to_numpy(zero_copy_only=False) * width
    codes = codes + positives.indices.to_numpy(zero_copy_only=False)
    pairs, place = np.unique(codes, return_inverse=True)
    query_ids = queries.dictionary.take(pa.array(pairs // width)).to_pylist()
    positive_ids = positives.dictionary.take(pa.array(pairs % width)).to_pylist()
    values = np.empty(len(pairs), np.float64)
    for number, pair in enumerate(zip(query_ids, positive_ids, strict=True)):
        value = known.get(pair)
        if value is None or not np.isfinite(value):
            raise InputError(
                "this query and positive have no similarity",
                field="positive_similarity",
                value=pair,
                remedy="encode the positives with the model that encoded the negatives",
            )
        values[number] = value
    result: _Numbers = values[place]
    return result


def _one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
