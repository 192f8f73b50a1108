"""Retrieval sets on the Hugging Face Hub, in the layout of BEIR and MTEB."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.columns import Sourced
from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.splits import ordered_splits
from syneg.datasets.validation import checked_dataset
from syneg.errors import InputError, MissingExtraError

_LAYOUT = (
    "a retrieval set has the configurations 'corpus' and 'queries', and its judgements in "
    "'default', 'qrels' or a second data set NAME-qrels"
)
_JUDGEMENTS = ("default", "qrels")


def read_hub_dataset(
    name: str, *, skip_unknown: bool = False, offline: bool = False
) -> RetrievalDataset:
    """Read a BEIR or MTEB retrieval set from the Hugging Face Hub, or a downloaded copy of one.

    The configurations `corpus` and `queries` have the columns `_id` or `id`, `text` and (for
    documents) `title`; the judgements (`query-id`, `corpus-id`, `score`) are the configuration
    `default` or `qrels`, or those of the data set NAME-qrels, as BeIR keeps them. Code that a
    data set brings along is never run.

    Args:
        name: OWNER/NAME, or the folder of a copy (with its README.md).
        skip_unknown: Leave out judgements of unknown queries or documents, with a counted
            note, instead of raising.
        offline: Do not ask the Hub; use what was downloaded before.

    Returns:
        The data set, with splits in the order train, dev, test, then others by name.

    Raises:
        MissingExtraError: The package `datasets` is not installed.
        InputError: There is no such data set, the Hub cannot be reached, or the data are not
            as described.

    Example:
        >>> read_hub_dataset("scifact")
        Traceback (most recent call last):
        ...
        syneg.errors.InputError: is neither a folder nor OWNER/NAME (got 'scifact'); write \
for example hub:mteb/scifact
    """
    name = name.rstrip("/")
    if not name or (not Path(name).is_dir() and name.count("/") != 1):
        raise InputError(
            "is neither a folder nor OWNER/NAME",
            value=name,
            remedy="write for example hub:mteb/scifact",
        )
    with _offline(offline):
        corpus = _only_split(name, "corpus")
        queries = _only_split(name, "queries")
        judgements = _judgements(name)
    label = f"hub:{name}"
    return checked_dataset(
        Path(name).resolve().name,
        _sourced(corpus, f"{label}, corpus", {"id": ("_id", "id"), "title": ("title",)}),
        _sourced(queries, f"{label}, queries", {"id": ("_id", "id")}),
        {
            split: _sourced_judgements(judgements[split], f"{label}, qrels/{split}")
            for split in ordered_splits(judgements)
        },
        skip_unknown=skip_unknown,
    )


@contextmanager
def _offline(wanted: bool) -> Iterator[None]:
    """Forbid network access to the libraries of the Hub inside the block, when wanted."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "train") from error
    from huggingface_hub import constants

    places = (datasets.config, constants)
    before = [place.HF_HUB_OFFLINE for place in places]
    try:
        if wanted:
            for place in places:
                place.HF_HUB_OFFLINE = True
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.HF_HUB_OFFLINE = value


def _judgements(name: str) -> Mapping[str, pa.Table]:
    tried: list[str] = []
    for where, configuration in [*((name, each) for each in _JUDGEMENTS), (f"{name}-qrels", None)]:
        try:
            tables = _load(where, configuration)
        except InputError as error:
            # The next place may have them; when none has, all reasons are told.
            tried.append(f"{where}, {configuration or 'its only configuration'}: {error.problem}")
            continue
        if all({"query-id", "corpus-id"} <= {*table.column_names} for table in tables.values()):
            return tables
        tried.append(f"{where}, {configuration}: no columns query-id and corpus-id")
    raise InputError(
        f"no judgements were found ({'; '.join(tried)})", file=f"hub:{name}", remedy=_LAYOUT
    )


def _only_split(name: str, configuration: str) -> pa.Table:
    tables = _load(name, configuration)
    if configuration in tables:
        return tables[configuration]
    if len(tables) != 1:
        raise InputError(
            f"has several splits ({', '.join(tables)}), so it is not clear which to take",
            file=f"hub:{name}, {configuration}",
            remedy=f"keep one, or name one of them '{configuration}'",
        )
    return next(iter(tables.values()))


def _load(name: str, configuration: str | None) -> Mapping[str, pa.Table]:
    import datasets

    file = f"hub:{name}" if configuration is None else f"hub:{name}, {configuration}"
    try:
        loaded = datasets.load_dataset(name, configuration)
    except FileNotFoundError as error:
        raise InputError(
            "there is no such data set, or it is private",
            file=file,
            remedy="check the name, or log in with 'hf auth login'",
        ) from error
    except (OSError, httpx.HTTPError) as error:
        problem = f"the Hugging Face Hub could not be reached ({type(error).__name__}: {error})"
        if datasets.config.HF_HUB_OFFLINE:
            problem = "was not downloaded before, and the Hub may not be asked while offline"
        raise InputError(
            problem,
            file=file,
            remedy="try again online, or give the folder of a copy downloaded elsewhere",
        ) from error
    except (ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        # No such configuration, a data set that is a script, or files that do not parse.
        reason = str(error.__cause__ or error)
        raise InputError(f"cannot be read ({reason})", file=file, remedy=_LAYOUT) from error
    return {split: _arrow(part) for split, part in loaded.items()}


def _arrow(part: Any) -> pa.Table:
    return part.with_format("arrow")[:]


def _sourced(table: pa.Table, file: str, ids: Mapping[str, tuple[str, ...]]) -> Sourced:
    columns = {
        column: _column(table, names, file, optional=column == "title")
        for column, names in ids.items()
    }
    columns["text"] = _column(table, ("text",), file)
    for column, values in columns.items():
        if column != "title" and values.null_count:
            row = values.is_null().index(True).as_py()
            raise InputError("is missing", file=f"{file}, row {row + 1}", field=column)
    if "title" in columns:
        columns["title"] = pc.fill_null(columns["title"], "")
    return Sourced(pa.table(columns), file)


def _sourced_judgements(table: pa.Table, file: str) -> Sourced:
    columns = {
        "query_id": _column(table, ("query-id",), file),
        "doc_id": _column(table, ("corpus-id",), file),
        "score": _column(table, ("score",), file),
    }
    return Sourced(pa.table(columns), file)


def _column(
    table: pa.Table, names: tuple[str, ...], file: str, *, optional: bool = False
) -> pa.ChunkedArray:
    """Return the first of the named columns as text; whole numbers count as ids and scores."""
    for name in names:
        if name in table.column_names:
            return _as_text(table[name], file, name)
    if optional:
        return pa.chunked_array([pa.nulls(table.num_rows, pa.large_string())])
    raise InputError(
        f"has no column {' or '.join(names)} (it has: {', '.join(table.column_names)})",
        file=file,
        remedy=_LAYOUT,
    )


def _as_text(column: pa.ChunkedArray, file: str, name: str) -> pa.ChunkedArray:
    kind = column.type
    textual = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    number = (name not in ("title", "text") and pa.types.is_integer(kind)) or (
        name == "score" and pa.types.is_floating(kind)
    )
    if not (textual or number or pa.types.is_null(kind)):
        raise InputError(
            f"holds {kind}, not text", file=file, field=name, remedy="store it as text"
        )
    return column.cast(pa.large_string())
