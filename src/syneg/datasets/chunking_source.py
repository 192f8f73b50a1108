"""What a folder to be cut into chunks holds, without its corpus."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import pyarrow.compute as pc

from syneg.datasets.beir import json_lines_file, read_judgements, read_records, split_files
from syneg.datasets.columns import Sourced
from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.validation import checked_dataset
from syneg.errors import InputError
from syneg.files import file_hash

_REMEDY = "give a BEIR folder, or the file of a corpus (JSON lines with _id and text)"


class ChunkSource:
    """The files of a BEIR folder, of one that has only a corpus, or the file of a corpus.

    Args:
        place: The folder or file.

    Raises:
        InputError: There is no such folder, or it lacks a file.

    Attributes:
        corpus: The file of the corpus.
        queries: The file of the queries, if there is one.
    """

    def __init__(self, place: Path) -> None:
        if not place.exists():
            raise InputError("there is no such folder", file=place, remedy=_REMEDY)
        self.queries: Path | None = None
        self._split_files: Mapping[str, Path] = {}
        if not place.is_dir():
            self.corpus = place
            return
        self.corpus = json_lines_file(place, "corpus")
        if (place / "qrels").exists():
            self._split_files = split_files(place)
            self.queries = json_lines_file(place, "queries")
        elif any((place / f"queries.jsonl{end}").exists() for end in ("", ".gz")):
            self.queries = json_lines_file(place, "queries")

    @property
    def has_judgements(self) -> bool:
        """Whether there is a split."""
        return bool(self._split_files)

    @cached_property
    def parts(self) -> dict[str, Sourced]:
        """The judgements of every split, not yet checked."""
        return {split: read_judgements(path) for split, path in self._split_files.items()}

    @cached_property
    def query_texts(self) -> dict[str, str]:
        """The texts of the queries that are judged in a split."""
        if self.queries is None or not self.has_judgements:
            return {}
        table = self._query_records.table
        judged = [part.table["query_id"] for part in self.parts.values()]
        wanted = {one for column in judged for one in pc.unique(column).to_pylist()}
        columns = table["id"].to_pylist(), table["text"].to_pylist()
        return {name: text for name, text in zip(*columns, strict=True) if name in wanted}

    @cached_property
    def queries_of(self) -> dict[str, list[str]]:
        """For every judged document, the queries that it is judged for."""
        found: dict[str, dict[str, None]] = {}
        for part in self.parts.values():
            columns = part.table["query_id"].to_pylist(), part.table["doc_id"].to_pylist()
            for query_id, doc_id in zip(*columns, strict=True):
                if doc_id is not None:
                    found.setdefault(doc_id, {})[query_id] = None
        return {doc_id: list(queries) for doc_id, queries in found.items()}

    def checked(self, judged: Sourced, *, skip_unknown: bool) -> RetrievalDataset:
        """Return queries and judgements, checked as for any data set.

        Args:
            judged: Columns `id`, `title`, `text` of the judged documents that the corpus has.
            skip_unknown: Leave out judgements of unknown ids.

        Raises:
            InputError: Something is wrong with them.
        """
        return checked_dataset(
            self.corpus.parent.resolve().name,
            judged,
            self._query_records,
            self.parts,
            skip_unknown=skip_unknown,
            notes=self._notes,
        )

    def hashes(self) -> dict[str, str]:
        """Return the hash of every file by its name."""
        files = [self.corpus, self.queries, *self._split_files.values()]
        return {one.name: file_hash(one) for one in files if one is not None}

    @cached_property
    def _notes(self) -> list[str]:
        return []

    @cached_property
    def _query_records(self) -> Sourced:
        if self.queries is None:
            raise InputError("has no queries", file=self.corpus.parent, remedy=_REMEDY)
        return read_records(self.queries, "query", ("_id", "text"), self._notes)
