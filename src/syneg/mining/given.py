"""Candidates that are there already: judgements of grade 0, and what an earlier run found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.files import file_hash
from syneg.mining.candidates import Candidates
from syneg.mining.lookups import (
    LARGEST,
    Scores,
    check_file,
    document_rows,
    joined,
    once,
    places,
    plain_stem,
)
from syneg.mining.source import RetrievedSource
from syneg.negatives.record import SYNTHETIC

_COLUMNS = {
    "query_id": pa.large_string(), "doc_id": pa.large_string(), "score": pa.float64(),
    "rank": pa.float64(),
}  # fmt: skip


class JudgedSource(RetrievedSource):
    """Documents that somebody judged and found not relevant: grade 0 in the split's qrels.

    Their scores are their grades; they stand in the order of the judgements.

    Args:
        depth: Candidates per query.
    """

    name = "judged"
    searches = False
    judged = True

    def __init__(self, depth: int = 30) -> None:
        self.depth = depth

    def search(
        self, dataset: RetrievalDataset, split: str, query_ids: Sequence[str], depth: int
    ) -> Candidates:
        """Return the judgements of grade 0 and below."""
        table = dataset.judgements(split)
        table = table.filter(pc.less_equal(table["grade"], 0))
        owners = places(table["query_id"], pa.array(query_ids, pa.large_string()))
        documents = dataset.document_rows(table["doc_id"])
        keep = (owners >= 0) & (documents >= 0)
        scores = table["grade"].to_numpy().astype(np.float64)
        return once(
            self.name, query_ids, owners[keep], documents[keep], scores[keep], dataset, depth
        )


class EarlierSource(RetrievedSource):
    """The candidates that an earlier run or call stored, from Parquet.

    Args:
        path: A file with the columns query_id and doc_id, and best score and rank too (such
            as one that was cached, or a part of a pool); or a run folder, whose mined
            negatives are taken.
        depth: Candidates per query.
        name: What is written in the `source` field of its records; None: "earlier-" and the
            file's or folder's name.
    """

    searches = False

    def __init__(self, path: Path, depth: int = 30, *, name: str | None = None) -> None:
        self.path = path
        self.depth = depth
        self.name = name or f"earlier-{plain_stem(path)}"

    @property
    def identity(self) -> list[Any]:
        """The files' hashes."""
        return ["earlier", *(file_hash(file) for file in self._files())]

    def search(
        self, dataset: RetrievalDataset, split: str, query_ids: Sequence[str], depth: int
    ) -> Candidates:
        """Read the stored candidates; several sources take turns by rank.

        Raises:
            InputError: A file is not Parquet, lacks a column, or names unknown documents.
        """
        queries = pa.array(query_ids, pa.large_string())
        pieces, ranks = [], []
        for file in self._files():
            table = _read_columns(file)
            owners = places(table["query_id"], queries)
            documents = document_rows(table["doc_id"], dataset)
            unknown = np.flatnonzero((documents < 0) & (owners >= 0))
            if unknown.size:
                raise InputError(
                    "the corpus has no such document",
                    file=file,
                    field="doc_id",
                    value=table["doc_id"][int(unknown[0])].as_py(),
                    remedy="take candidates that were found in this corpus",
                )
            keep = owners >= 0
            scores = _numbers(table, "score", np.zeros(len(owners)))
            ranks.append(_numbers(table, "rank", np.arange(1, len(owners) + 1))[keep])
            pieces.append((owners[keep], documents[keep], scores[keep]))
        owners, documents, scores = joined(pieces)
        if not len(owners):
            raise InputError(
                f"names no query of the split '{split}'",
                file=self.path,
                remedy="check that the candidates were found for this data set and split",
            )
        by_rank = np.lexsort((np.concatenate(ranks), owners)) if ranks else slice(0)
        owners, documents, scores = owners[by_rank], documents[by_rank], scores[by_rank]
        order = np.arange(len(owners), 0, -1, dtype=np.float64)
        found = once(self.name, query_ids, owners, documents, order, dataset, depth)
        # The order is the ranks'; the scores of several sources would not compare.
        width = dataset.corpus.num_rows
        keys, first = np.unique(owners * width + documents, return_index=True)
        at = first[np.searchsorted(keys, found.owners * width + found.documents)]
        found.scores[:] = scores[at]
        return found

    def _files(self) -> list[Path]:
        if not self.path.is_dir():
            check_file(self.path)
            return [self.path]
        pool = next(
            (one for one in (self.path / "pool", self.path) if (one / "negatives").is_dir()), None
        )
        folder = self.path if pool is None else pool / "negatives"
        files = [file for file in sorted(folder.glob("[!.]*.parquet")) if file.stem != SYNTHETIC]
        if not files:
            raise InputError(
                "holds no mined negatives",
                file=self.path,
                remedy="name a run folder after `syneg mine`, or a Parquet file",
            )
        return files


def _read_columns(path: Path) -> pa.Table:
    try:
        names = pq.read_schema(path).names
        for name in ("query_id", "doc_id"):
            if name not in names:
                raise InputError(
                    "the table has no such column",
                    file=path,
                    field=name,
                    remedy=f"it has: {', '.join(names)}",
                )
        wanted = [name for name in _COLUMNS if name in names]
        table = pq.read_table(path, columns=wanted)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            "is no Parquet file that can be read",
            file=path,
            remedy="name a file that syneg or another tool wrote as Parquet",
        ) from error
    return _as_expected(table, path)


def _as_expected(table: pa.Table, path: Path) -> pa.Table:
    for name in table.column_names:
        try:
            column = table[name].cast(_COLUMNS[name])
        except pa.ArrowException as error:
            raise InputError(
                f"the column holds {table[name].type}, which cannot be read as {_COLUMNS[name]}",
                file=path,
                field=name,
                remedy="write ids as text, scores and ranks as numbers",
            ) from error
        largest = pc.max(pc.abs(column)).as_py() if name == "score" else None
        if largest is not None and LARGEST < largest < np.inf:
            raise InputError(
                "a score is too large to be kept in 32 bits",
                file=path,
                field=name,
                value=largest,
                remedy="scale the scores",
            )
        table = table.set_column(table.column_names.index(name), name, column)
    return table.filter(pc.is_valid(table["doc_id"]))


def _numbers(table: pa.Table, name: str, otherwise: npt.NDArray[Any]) -> Scores:
    if name not in table.column_names:
        return otherwise.astype(np.float64)
    values = table[name].to_numpy()
    return np.where(np.isfinite(values), values, otherwise)
