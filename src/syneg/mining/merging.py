"""The candidates of several sources as one list for each query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from syneg.mining.candidates import EXCLUSIONS, Candidates, Integers, Mask


def merged(parts: Sequence[Candidates]) -> Candidates:
    """Return the candidates of several sources as one list for each query.

    A query's rows take turns: the first of every source, in the order of `parts`, then the
    second, and so on. Of rows that name the same document, all but the first are excluded as
    "repeated".

    Args:
        parts: Of the same queries; at least one.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    owners = np.concatenate([one.owners for one in parts])
    ranks = np.concatenate([one.ranks for one in parts])
    source = np.repeat(np.arange(len(parts), dtype=np.int8), [len(one) for one in parts])
    order = np.lexsort((source, ranks, owners))
    known = [one.similarities for one in parts]
    full = [one for one in known if one is not None]
    excluded = np.concatenate([one.excluded for one in parts])[order]
    documents = np.concatenate([one.documents for one in parts])[order]
    again = _seen_before(owners[order], documents)
    excluded[again & (excluded == 0)] = EXCLUSIONS.index("repeated") + 1
    return Candidates(
        first.query_ids,
        np.sum([one.offsets for one in parts], axis=0),
        documents,
        ranks[order],
        np.concatenate([one.scores for one in parts])[order],
        source[order],
        tuple(name for one in parts for name in one.sources),
        np.concatenate(full)[order] if len(full) == len(parts) else None,
        excluded,
    )


def _seen_before(owners: Integers, documents: Integers) -> Mask:
    """Tell for each row whether an earlier one has the same query and document."""
    order = np.lexsort((documents, owners))
    same = np.zeros(len(order), bool)
    same[1:] = (np.diff(owners[order]) == 0) & (np.diff(documents[order]) == 0)
    again = np.zeros(len(order), bool)
    again[order] = same
    return again
