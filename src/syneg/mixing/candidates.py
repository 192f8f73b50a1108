"""Which rows of a pool a mixture may choose from, found in columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syneg.mixing.options import MixingOptions


def within_window(negatives: pa.Table, options: MixingOptions) -> pa.Table:
    """Return the first `window` rows of every query and mined source, and all other rows.

    Done in columns: a pool has hundreds of rows for each query, of which few are in reach.
    """
    mined = pc.is_in(negatives["source"], value_set=pa.array(options.sources, pa.string()))
    order = [(name, "ascending") for name in ("query_id", "source", "rank", "negative_id")]
    ranked = negatives.filter(mined).sort_by(order)
    if not ranked.num_rows:
        return negatives
    query, source = (
        ranked[name].combine_chunks().dictionary_encode().indices.to_numpy()
        for name in ("query_id", "source")
    )
    begins = np.ones(ranked.num_rows, bool)
    begins[1:] = (query[1:] != query[:-1]) | (source[1:] != source[:-1])
    places = np.arange(ranked.num_rows)
    first = np.maximum.accumulate(np.where(begins, places, 0))
    near = ranked.filter(pa.array(places - first < options.window))
    return pa.concat_tables([near, negatives.filter(pc.invert(mined))])
