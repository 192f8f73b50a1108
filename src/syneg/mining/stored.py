"""Candidates on disk: Parquet with ids, ranks and scores, read back into columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.files import write_table
from syneg.mining.candidates import EXCLUSIONS, Candidates, Codes, Integers, Positives

CANDIDATE_SCHEMA = pa.schema(
    [
        pa.field("query_id", pa.dictionary(pa.int32(), pa.large_string()), nullable=False),
        pa.field("doc_id", pa.large_string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("source", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("similarity", pa.float32()),
        pa.field("excluded", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""One row per candidate; `row` is its place in the corpus, `excluded` one of `EXCLUSIONS`."""

_FACTS = b"syneg.facts"
_IDS_AT_ONCE = 1 << 20


def write_candidates(
    path: Path,
    candidates: Candidates,
    dataset: RetrievalDataset,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write candidates, columns of `CANDIDATE_SCHEMA`, atomically.

    Args:
        path: Of the file.
        candidates: Any.
        dataset: Whose corpus the rows point into.
        facts: What their source tells of the search, for `read_facts`.
    """
    table = candidate_table(candidates, dataset)
    noted = {_FACTS: json.dumps(dict(facts or {})).encode()}
    write_table(path, table.replace_schema_metadata(noted))


def read_facts(path: Path) -> dict[str, Any]:
    """Return what `write_candidates` was told of the search."""
    metadata = pq.read_schema(path).metadata or {}
    found: dict[str, Any] = json.loads(metadata.get(_FACTS, b"{}"))
    return found


def candidate_table(candidates: Candidates, dataset: RetrievalDataset) -> pa.Table:
    """Return candidates as a table, columns of `CANDIDATE_SCHEMA`."""
    kept = candidates.similarities
    columns = [
        _coded(candidates.owners, list(candidates.query_ids), pa.large_string()),
        _document_ids(candidates, dataset),
        pa.array(candidates.documents),
        _coded(candidates.origins, list(candidates.sources), pa.string()),
        pa.array(candidates.ranks),
        pa.array(candidates.scores),
        pa.nulls(len(candidates), pa.float32()) if kept is None else pa.array(kept),
        _coded(candidates.excluded - 1, list(EXCLUSIONS), pa.string()),
    ]
    return pa.table(columns, schema=CANDIDATE_SCHEMA)


def read_candidates(path: Path, query_ids: Sequence[str]) -> Candidates:
    """Read what `write_candidates` wrote for these queries, in the same order.

    Args:
        path: Of the file.
        query_ids: The queries; those without candidates are not in the file.

    Raises:
        InputError: The file is damaged, or of other queries.
    """
    try:
        wanted = [field.name for field in CANDIDATE_SCHEMA if field.name != "doc_id"]
        table = pq.read_table(path, columns=wanted, read_dictionary=["query_id", "source"])
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            "is no table of candidates that can be read",
            file=path,
            remedy="delete the file; it is made again",
        ) from error
    offsets = _offsets(table["query_id"], query_ids, path)
    sources, origins = _codes(table["source"])
    reasons, excluded = _codes(table["excluded"])
    codes_of = np.array([0, *(EXCLUSIONS.index(one) + 1 for one in reasons)], np.int8)
    similarity = table["similarity"]
    return Candidates(
        query_ids,
        offsets,
        table["row"].to_numpy(),
        table["rank"].to_numpy(),
        table["score"].to_numpy(),
        origins,
        tuple(sources),
        # NaN would be a similarity that is wrong, null is none at all.
        None if similarity.null_count and len(similarity) else similarity.to_numpy(),
        codes_of[excluded + np.int8(1)],
    )


def write_positives(path: Path, positives: Positives) -> None:
    """Write the positives' similarities, atomically."""
    columns = {"row": pa.array(positives.documents), "similarity": positives.similarities}
    write_table(path, pa.table(columns))


def read_positives(path: Path, positives: Positives) -> Positives | None:
    """Return positives with the similarities that were written for them; None if there are none."""
    try:
        table = pq.read_table(path)
        documents = table["row"].to_numpy()
        similarities = table["similarity"].to_numpy()
    except (pa.ArrowInvalid, OSError, KeyError):
        return None
    if not np.array_equal(documents, positives.documents):
        return None
    return Positives(positives.query_ids, positives.offsets, positives.documents, similarities)


def _document_ids(candidates: Candidates, dataset: RetrievalDataset) -> pa.ChunkedArray:
    pieces = [
        pa.array(dataset.document_ids(candidates.documents[start : start + _IDS_AT_ONCE]),
                 pa.large_string())
        for start in range(0, len(candidates), _IDS_AT_ONCE)
    ]  # fmt: skip
    return pa.chunked_array(pieces, pa.large_string())


def _coded(
    codes: np.ndarray[tuple[int], np.dtype[np.integer]], values: list[str], kind: pa.DataType
) -> pa.DictionaryArray:
    places = codes.astype(np.int32)
    indices = pa.array(places, pa.int32(), mask=places < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(values, kind))


def _offsets(column: pa.ChunkedArray, query_ids: Sequence[str], path: Path) -> Integers:
    """Return where each query's rows begin, chunk by chunk: there are far more rows than queries.

    Raises:
        InputError: A row is of another query, or a query's rows do not lie together.
    """
    place_of = {name: place for place, name in enumerate(query_ids)}
    counts = np.zeros(len(query_ids), np.int64)
    last = -1
    chunks = column.unify_dictionaries().chunks
    names = chunks[0].dictionary.to_pylist() if chunks else []
    places = np.array([place_of.get(name, -1) for name in names], np.int32)
    for chunk in chunks:
        owners = places[chunk.indices.to_numpy()]
        if not len(owners):
            continue
        if owners.min() < 0 or owners[0] < last or (owners[1:] < owners[:-1]).any():
            raise InputError(
                "the candidates are not of these queries in this order",
                file=path,
                remedy="delete the file; it is made again",
            )
        last = int(owners[-1])
        first = int(owners[0])
        counts[first : last + 1] += np.bincount(owners - first)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _codes(column: pa.ChunkedArray) -> tuple[list[str], Codes]:
    """Return a column's values and the place of each row's among them, -1 for null."""
    column = column.unify_dictionaries()
    if not column.num_chunks:
        return [], np.zeros(0, np.int8)
    places = [one.indices.fill_null(-1).to_numpy().astype(np.int8) for one in column.chunks]
    return column.chunks[0].dictionary.to_pylist(), np.concatenate(places)
