"""Vectors on disk: encoded once, in shards that survive a crash, memory-mapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from syneg.encoders.batches import Numbers
from syneg.encoders.contract import Encoder, Flags, NotFiniteError, NotingEncoder, Vectors
from syneg.encoders.devices import LockedTask, work_on_each
from syneg.encoders.shards import KnownTexts, Shard, digest_texts, whole_shards
from syneg.errors import InputError
from syneg.files import read_json, write_json
from syneg.progress import Progress, Task

SHARD_ROWS = 1024
_PIECE_ROWS = 128
_ROWS_MAPPED = 65_536


@dataclass(frozen=True)
class VectorStore:
    """The vectors of a corpus in .npy files, in corpus order.

    Attributes:
        folder: Where they lie.
        rows: How many vectors there are.
        too_long: How many of the texts have more tokens than the model reads.
        files: The files, in corpus order.
        starts: The first row of each file.
    """

    folder: Path
    rows: int
    too_long: int
    files: tuple[Path, ...] = ()
    starts: tuple[int, ...] = ()

    @cached_property
    def dimensions(self) -> int:
        """How many numbers a vector has; 0 if there are no vectors."""
        return int(_mapped(self.files[0]).shape[1]) if self.files else 0

    def blocks(self) -> Iterator[tuple[int, Vectors]]:
        """Yield (first row, vectors) of every file, memory-mapped, large files in pieces."""
        for start, path in zip(self.starts, self.files, strict=True):
            for first in range(0, len(_mapped(path)), _ROWS_MAPPED):
                # Mapped anew each time: pages that were read count as memory while they are.
                yield start + first, _mapped(path)[first : first + _ROWS_MAPPED]

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Vectors:
        """Return the vectors of the given rows, in their order, shape (n, dimensions)."""
        wanted = np.asarray(rows, dtype=np.int64)
        result = np.zeros((len(wanted), self.dimensions), np.float32)
        numbers = np.searchsorted(np.array(self.starts, np.int64), wanted, side="right") - 1
        numbers[wanted < 0] = -1
        # The rows of a file lie together then: there may be as many files as rows.
        order = np.argsort(numbers, kind="stable")
        order = order[int((numbers < 0).sum()) :]
        for inside in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
            if len(inside):
                number = int(numbers[inside[0]])
                block = _mapped(self.files[number])
                result[inside] = block[wanted[inside] - self.starts[number]]
        return result


def encode_corpus(
    encoder: Encoder,
    texts_of: Callable[[Sequence[int]], list[str]],
    rows: int,
    folder: Path,
    progress: Progress,
    *,
    name: str | None = None,
    id_of: Callable[[int], str] | None = None,
) -> VectorStore:
    """Encode `rows` documents into `folder`, going on where an earlier process stopped.

    Shards are named by the texts they hold, so that corpora share what they have in common:
    of a corpus that grew, only texts that the folder has no vector of are encoded. A shard
    counts when its side file names the hashes of its bytes; a damaged one is made again. A
    text's vector may differ in the last bits with the texts it was encoded among. Shards that
    no corpus needs any more stay where they are; the folder may be deleted at any time.

    Args:
        encoder: The model; the caller names the folder by its fingerprint. An `EncoderGroup`
            encodes one shard on each of its devices at a time.
        texts_of: Gives the texts of corpus rows; called from several threads for a group.
        rows: Number of documents.
        folder: Where the shards go; safe to be used by several processes.
        progress: Shows the rows done.
        name: A hash of the corpus; with it the next call need not read the texts to know
            which shards they are in.
        id_of: Gives the id of a corpus row, for errors.

    Raises:
        InputError: The model gives a vector that is not finite; the document is named.
    """
    work = _Work(folder, texts_of, id_of or str, rows)
    shards = work.shards(name)
    whole = {shard.name for shard in set(shards) if shard.is_whole()}
    # Shards of the same texts, as of a corpus of blank documents, are one.
    wanted = {shard.name: number for number, shard in enumerate(shards)}
    missing = [number for one, number in wanted.items() if one not in whole]
    finished = rows - sum(len(work.numbers(number)) for number in missing)
    if missing:
        work.known = KnownTexts(whole_shards(folder))
    with progress.task("encode documents", total=rows, done=finished) as shown:
        task = LockedTask(shown)
        work_on_each(encoder, missing, lambda one, number: work.encode(one, number, task))
    facts = [shard.facts() for shard in shards]
    if name is not None and not work.listed:
        work.remember(name, shards)
    return VectorStore(
        folder,
        rows,
        sum(int(one["too_long"]) for one in facts),
        tuple(shard.vectors_file for shard in shards),
        tuple(range(0, rows, SHARD_ROWS)),
    )


def encode_in_pieces(encoder: Encoder, texts: Sequence[str], task: Task) -> Vectors:
    """Encode texts piece by piece, so that a bar can move.

    Args:
        encoder: The model.
        texts: At least one text.
        task: Told of every text that is done.

    Returns:
        One row per text, in the order given, shape (n, dimensions).
    """
    return _encode_noting_length(encoder, texts, task)[0]


def _encode_noting_length(
    encoder: Encoder, texts: Sequence[str], task: Task
) -> tuple[Vectors, Flags]:
    if isinstance(encoder, NotingEncoder):
        return encoder.encode_noting_length(texts, task.advance)
    parts = []
    for start in range(0, len(texts), _PIECE_ROWS):
        piece = texts[start : start + _PIECE_ROWS]
        parts.append(encoder.encode_documents(piece))
        task.advance(len(piece))
    too_long = np.array([encoder.count_too_long([text]) > 0 for text in texts], dtype=bool)
    return np.concatenate(parts), too_long


@dataclass
class _Work:
    """The encoding of one corpus into one folder."""

    folder: Path
    texts_of: Callable[[Sequence[int]], list[str]]
    id_of: Callable[[int], str]
    rows: int
    known: KnownTexts = field(default_factory=lambda: KnownTexts([]))
    listed: bool = False

    def numbers(self, shard: int) -> range:
        """Return the corpus rows of a shard."""
        return range(shard * SHARD_ROWS, min((shard + 1) * SHARD_ROWS, self.rows))

    def shards(self, name: str | None) -> list[Shard]:
        """Return the shards of the corpus, in order, whether they are there or not."""
        try:
            listed = {} if name is None else read_json(self._list_file(name))
            if listed.get("shard_rows") == SHARD_ROWS and listed.get("rows") == self.rows:
                self.listed = True
                return [Shard(self.folder, str(one)) for one in listed["shards"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # There is no list, or it is damaged: the texts say what would be in it.
        starts = range(len(range(0, self.rows, SHARD_ROWS)))
        return [Shard.of(self.folder, digest_texts(self._texts(one))) for one in starts]

    def remember(self, name: str, shards: Sequence[Shard]) -> None:
        """Write down which shards a corpus is in."""
        listed = {
            "rows": self.rows,
            "shard_rows": SHARD_ROWS,
            "shards": [shard.name for shard in shards],
        }
        write_json(self._list_file(name), listed)

    def encode(self, encoder: Encoder, number: int, task: Task) -> None:
        """Encode the texts of a shard that have no vector yet, and write the shard."""
        texts = self._texts(number)
        digests = digest_texts(texts)
        places = self.known.find(digests)
        new, old = np.flatnonzero(places < 0), np.flatnonzero(places >= 0)
        too_long = np.zeros(len(texts), dtype=bool)
        kept, too_long[old] = self.known.take(places[old])
        task.advance(len(old))
        vectors = kept
        if len(new):
            encoded, too_long[new] = self._encode(
                encoder, number, [texts[one] for one in new], new, task
            )
            vectors = np.empty((len(texts), encoded.shape[1]), np.float32)
            vectors[new] = encoded
            if len(old):
                vectors[old] = kept
        Shard.of(self.folder, digests).write(vectors, digests, too_long)

    def _encode(
        self, encoder: Encoder, number: int, texts: list[str], places: Numbers, task: Task
    ) -> tuple[Vectors, Flags]:
        try:
            return _encode_noting_length(encoder, texts, task)
        except NotFiniteError as error:
            row = self.numbers(number)[int(places[error.places[0]])]
            raise InputError(
                "the model gives an embedding that is not finite numbers for this document",
                field="document",
                value=self.id_of(row),
                remedy="use float32 or another checkpoint, or take the document out",
            ) from error

    def _texts(self, number: int) -> list[str]:
        return self.texts_of(self.numbers(number))

    def _list_file(self, name: str) -> Path:
        return self.folder / "corpora" / f"{name}.json"


def _mapped(path: Path) -> Vectors:
    found: Vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    return found
