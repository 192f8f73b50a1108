"""Which rows of a pool a mixture may choose from, found in columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syneg.mixing.options import MixingOptions
from syneg.negatives.verdict import Decision


def standing(negatives: pa.Table, decisions: Mapping[str, Decision]) -> pa.Table:
    """Return what no verdict drops, with whether there is a text in place of the text."""
    rejected = [one for one, decision in decisions.items() if decision is not Decision.KEEP]
    ids = pa.array(rejected, negatives.schema.field("negative_id").type)
    lengths = pc.fill_null(pc.utf8_length(negatives["text"]), 0)
    names = ("negative_id", "query_id", "positive_id", "source", "doc_id", "rank")
    table = negatives.select(names).append_column("has_text", pc.greater(lengths, 0))
    return table.filter(pc.invert(pc.is_in(table["negative_id"], value_set=ids)))


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
