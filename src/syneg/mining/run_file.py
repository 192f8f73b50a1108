"""Candidates from a TREC run file: what another system retrieved."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.lines import numbered_lines
from syneg.errors import InputError
from syneg.files import file_hash
from syneg.mining.candidates import Candidates
from syneg.mining.lookups import (
    LARGEST,
    Piece,
    Rows,
    Scores,
    check_file,
    document_rows,
    joined,
    once,
    places,
    plain_stem,
)
from syneg.mining.source import RetrievedSource

logger = logging.getLogger(__name__)

_LINES_AT_ONCE = 65_536
_FIELDS = ("query id", "Q0", "document id", "rank", "score", "tag")


class RunFileSource(RetrievedSource):
    """What another system retrieved, from a TREC run file: `qid Q0 docid rank score tag`.

    A query's documents are ordered by falling score, whatever the ranks in the file say (some
    systems count from 0, or not at all). Queries of other splits are passed over. A document
    that a query names twice counts with its best score. An id that is not found as it stands
    is looked up with its percent signs decoded: that is how white space in ids is written.

    Args:
        path: The file; gzipped where its name ends in `.gz`.
        depth: Candidates per query.
        name: What is written in the `source` field of its records; None: "run-" and the
            file's name.
    """

    searches = False

    def __init__(self, path: Path, depth: int = 30, *, name: str | None = None) -> None:
        self.path = path
        self.depth = depth
        self.name = name or f"run-{plain_stem(path)}"

    @property
    def identity(self) -> list[Any]:
        """The file's hash."""
        return ["run", file_hash(self.path)]

    def search(
        self, dataset: RetrievalDataset, split: str, query_ids: Sequence[str], depth: int
    ) -> Candidates:
        """Read the file.

        Raises:
            InputError: It cannot be read, a line is not a run's, or a document is unknown.
        """
        check_file(self.path)
        pieces = list(self._pieces(dataset, pa.array(query_ids, pa.large_string())))
        owners, documents, scores = joined(pieces)
        if not len(owners):
            raise InputError(
                f"names no query of the split '{split}'",
                file=self.path,
                remedy="check that the run was made for this data set and split",
            )
        return once(self.name, query_ids, owners, documents, scores, dataset, depth)

    def _pieces(self, dataset: RetrievalDataset, queries: pa.Array) -> Iterator[Piece]:
        passed_over = 0
        for numbers, columns in _line_blocks(self.path):
            owners = places(columns[0], queries)
            strangers = np.flatnonzero(owners < 0)
            passed_over += len(strangers)
            documents = document_rows(columns[2], dataset)
            self._refuse_unknown(columns[2], documents, numbers, owners)
            scores = self._scores(columns[4], numbers)
            keep = owners >= 0
            yield owners[keep], documents[keep], scores[keep]
        if passed_over:
            logger.info(
                "%s: %d lines of queries outside the split passed over", self.path, passed_over
            )

    def _refuse_unknown(
        self, ids: list[str], documents: Rows, numbers: list[int], owners: Rows
    ) -> None:
        unknown = np.flatnonzero((documents < 0) & (owners >= 0))
        if unknown.size:
            place = int(unknown[0])
            raise InputError(
                "the corpus has no such document",
                file=self.path,
                line=numbers[place],
                field=_FIELDS[2],
                value=ids[place],
                remedy="make the run over this corpus, or take the line out",
            )

    def _scores(self, texts: list[str], numbers: list[int]) -> Scores:
        found = np.empty(len(texts))
        for place, text in enumerate(texts):
            try:
                found[place] = float(text)
            except ValueError:
                found[place] = math.nan
            # Scores are kept in 32 bits.
            if not abs(found[place]) <= LARGEST:
                raise InputError(
                    "is no finite number",
                    file=self.path,
                    line=numbers[place],
                    field=_FIELDS[4],
                    value=text,
                    remedy=f"each line has {len(_FIELDS)} fields: {' '.join(_FIELDS)}",
                )
        return found


def _line_blocks(path: Path) -> Iterator[tuple[list[int], list[list[str]]]]:
    """Yield (line numbers, columns) of blocks of lines."""
    numbers: list[int] = []
    rows: list[list[str]] = []
    for number, line in numbered_lines(path):
        fields = line.split()
        if len(fields) != len(_FIELDS):
            raise InputError(
                f"the line has {len(fields)} fields, not {len(_FIELDS)}",
                file=path,
                line=number,
                value=line,
                remedy=f"write {' '.join(_FIELDS)}, parted by white space",
            )
        numbers.append(number)
        rows.append(fields)
        if len(rows) == _LINES_AT_ONCE:
            yield numbers, [list(column) for column in zip(*rows, strict=True)]
            numbers, rows = [], []
    if rows:
        yield numbers, [list(column) for column in zip(*rows, strict=True)]
