"""Chunks of one document: what a positive was cut from may be relevant as a whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from syneg.datasets.beir import json_lines_file
from syneg.datasets.chunking_folder import CHUNKS
from syneg.datasets.columns import RowGatherer
from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.lines import json_object, numbered_lines
from syneg.errors import InputError
from syneg.mining.candidates import EXCLUSIONS, Candidates, Integers, Positives

SAME_SOURCE = EXCLUSIONS.index("same-source") + 1
_SOURCE = "source_id"


def source_documents(location: str, dataset: RetrievalDataset) -> Integers | None:
    r"""Return which corpus rows were cut from one document.

    They are known from `chunks.parquet` beside the corpus (`syneg chunk` writes it),
    or else from `source_id` in the metadata of the lines of `corpus.jsonl`.

    Args:
        location: What the data set was read from.
        dataset: The data set.

    Returns:
        A number for each corpus row, the same for rows from one document; None where no two
        rows are.

    Raises:
        InputError: `chunks.parquet` cannot be read, or lacks a column.

    Example:
        >>> import json, tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> rows = [{"_id": name, "text": name, "metadata": {"source_id": name[0]}}
        ...         for name in ("a1", "b1", "a2")]
        >>> _ = (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[(row["_id"], "", row["text"]) for row in rows], queries=[],
        ...     qrels={})
        >>> source_documents(str(folder), data).tolist()
        [0, 1, 0]
    """
    folder = Path(location)
    if not location.strip() or not folder.is_dir():
        return None
    table = folder / CHUNKS
    known = _from_table(table) if table.is_file() else _from_metadata(folder)
    if not known.num_rows:
        return None
    rows = dataset.document_rows(known["id"])
    inside = rows >= 0
    # A document that is not said to be a part of another is its own source.
    names = pa.concat_arrays(
        [
            known[_SOURCE].filter(pa.array(inside)).combine_chunks(),
            dataset.corpus["id"].combine_chunks(),
        ]
    )
    codes = names.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    count = int(inside.sum())
    found = codes[count:].astype(np.int64)
    found[rows[inside]] = codes[:count]
    numbers = np.unique(found, return_inverse=True)[1].astype(np.int64)
    return numbers if len(numbers) and numbers.max() + 1 < len(numbers) else None


def exclude_siblings(candidates: Candidates, positives: Positives, sources: Integers) -> Candidates:
    """Exclude what was cut from the same document as a positive of the query.

    Judgements do not say where in the document the answer stands: another chunk of it may
    hold it too.

    Args:
        candidates: What was found, known positives excluded.
        positives: Of the same queries.
        sources: From `source_documents`.
    """
    width = int(sources.max(initial=0)) + 1
    keys = candidates.owners * width + sources[candidates.documents]
    known = positives.owners * width + sources[positives.documents]
    excluded = candidates.excluded.copy()
    excluded[np.isin(keys, known) & (excluded == 0)] = SAME_SOURCE
    return replace(candidates, excluded=excluded)


def sibling_counts(positives: Positives, sources: Integers) -> Integers:
    """Return how many corpus rows each query's positives were cut with, themselves included."""
    width = int(sources.max(initial=0)) + 1
    pairs = np.unique(positives.owners * width + sources[positives.documents])
    sizes = np.bincount(sources)[pairs % width]
    counts = np.bincount(pairs // width, weights=sizes, minlength=len(positives.query_ids))
    return counts.astype(np.int64)


def _from_table(path: Path) -> pa.Table:
    wanted = ["chunk_id", _SOURCE]
    try:
        table = pq.read_table(path, columns=wanted).cast(
            pa.schema([(name, pa.large_string()) for name in wanted])
        )
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise InputError(
            "cannot be read as the table of chunks, which has the columns chunk_id and source_id",
            file=path,
            remedy="cut the documents again, or take the file away",
        ) from error
    table = table.rename_columns(["id", _SOURCE])
    return table.filter(pc.and_(pc.is_valid(table["id"]), pc.is_valid(table[_SOURCE])))


def _from_metadata(folder: Path) -> pa.Table:
    path = json_lines_file(folder, "corpus")
    rows = RowGatherer(["id", _SOURCE], str(path))
    for number, line in numbered_lines(path):
        # Lines of whole documents need not be parsed once more.
        if _SOURCE not in line:
            continue
        record = json_object(line, path, number)[0]
        metadata = record.get("metadata")
        source = metadata.get(_SOURCE) if isinstance(metadata, dict) else None
        if isinstance(source, str) and isinstance(record.get("_id"), str):
            rows.add(number, (record["_id"], source))
    return rows.finish().table
