"""From the ids of files to places in columns, and from places to candidates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.mining.candidates import Candidates

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]
Piece = tuple[Rows, Rows, Scores]
"""The queries' places, the corpus rows and the scores of some candidates."""

LARGEST = float(np.finfo(np.float32).max)
"""Scores are kept in 32 bits: larger ones would be infinite."""

_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def plain_stem(path: Path) -> str:
    """Return a file's name without its ending, as a part of a source's name.

    Example:
        >>> plain_stem(Path("runs/my run (2).trec.gz"))
        'my-run-2'
    """
    name = path.name.removesuffix(".gz")
    name = name.rpartition(".")[0] or name
    return _NOT_IN_NAME.sub("-", name).strip("-.") or "file"


def check_file(path: Path) -> None:
    """Make sure that there is a file.

    Raises:
        InputError: There is none.
    """
    if not path.is_file():
        raise InputError("there is no such file", file=path, remedy="check the path")


def places(ids: Sequence[str] | pa.ChunkedArray, known: pa.Array) -> Rows:
    """Return the place of each id among the known ones, -1 where it is none of them.

    An id that is not found is looked up with its percent signs decoded.
    """
    wanted = ids if isinstance(ids, pa.ChunkedArray) else pa.array(list(ids), pa.large_string())
    wanted = wanted.cast(pa.large_string())
    found = _looked_up(wanted, known)
    missing = np.flatnonzero(found < 0)
    if missing.size:
        decoded = [unquote(one or "") for one in wanted.take(pa.array(missing)).to_pylist()]
        found[missing] = _looked_up(pa.array(decoded, pa.large_string()), known)
    return found


def _looked_up(wanted: pa.Array | pa.ChunkedArray, known: pa.Array) -> Rows:
    places = pc.fill_null(pc.index_in(wanted, value_set=known), -1)
    return np.array(places.to_numpy(zero_copy_only=False), np.int64)


def document_rows(ids: Sequence[str] | pa.ChunkedArray, dataset: RetrievalDataset) -> Rows:
    """Return the corpus row of each document id, -1 where there is none; see `places`."""
    wanted = ids if isinstance(ids, pa.ChunkedArray) else list(ids)
    rows = np.array(dataset.document_rows(wanted), np.int64)
    missing = np.flatnonzero(rows < 0)
    if missing.size:
        texts = (
            wanted.take(pa.array(missing)).to_pylist()
            if isinstance(wanted, pa.ChunkedArray)
            else [wanted[place] for place in missing]
        )
        rows[missing] = dataset.document_rows([unquote(one) for one in texts])
    return rows


def joined(pieces: Sequence[Piece]) -> Piece:
    """Return pieces as one."""
    if not pieces:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    first, second, third = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return first, second, third


def once(
    name: str,
    query_ids: Sequence[str],
    owners: Rows,
    documents: Rows,
    scores: Scores,
    dataset: RetrievalDataset,
    depth: int,
) -> Candidates:
    """Return candidates by falling score, each document once for a query."""
    order = np.lexsort((-scores, owners))
    keys = (owners * dataset.corpus.num_rows + documents)[order]
    _, first = np.unique(keys, return_index=True)
    kept = order[np.sort(first)]
    found = Candidates.from_rows(name, query_ids, owners[kept], documents[kept], scores[kept])
    return found.taken(found.ranks <= depth)
