"""Vectors on disk: encoded once, in shards that survive a crash, memory-mapped."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from syneg.encoders.encoder import Encoder, Vectors
from syneg.files import file_hash, read_json, replacing, write_json
from syneg.progress import Progress, Task

SHARD_ROWS = 1024
_PIECE_ROWS = 128


@dataclass(frozen=True)
class VectorStore:
    """The vectors of a corpus in shards of `SHARD_ROWS` rows, in corpus order.

    Attributes:
        folder: Where the shards lie, `00000.npy` and so on.
        rows: How many vectors there are.
        too_long: How many of the texts have more tokens than the model reads.
    """

    folder: Path
    rows: int
    too_long: int

    def blocks(self) -> Iterator[tuple[int, Vectors]]:
        """Yield (first row, vectors) of every shard, memory-mapped."""
        for start in range(0, self.rows, SHARD_ROWS):
            yield start, np.load(_shard(self.folder, start), mmap_mode="r", allow_pickle=False)

    def take(self, rows: Sequence[int] | np.ndarray[tuple[int], np.dtype[np.int64]]) -> Vectors:
        """Return the vectors of the given rows, in their order, shape (n, dimensions)."""
        wanted = np.asarray(rows, dtype=np.int64)
        result: Vectors | None = None
        for start, block in self.blocks():
            inside = (wanted >= start) & (wanted < start + len(block))
            if result is None:
                result = np.zeros((len(wanted), block.shape[1]), np.float32)
            result[inside] = block[wanted[inside] - start]
        return np.zeros((0, 0), np.float32) if result is None else result


def encode_corpus(
    encoder: Encoder,
    texts_of: Callable[[Sequence[int]], list[str]],
    rows: int,
    folder: Path,
    progress: Progress,
) -> VectorStore:
    """Encode `rows` documents into `folder`, going on where an earlier process stopped.

    A shard counts as done when its side file names the hash of its bytes; a truncated one is
    encoded again.

    Args:
        encoder: The model; the caller names the folder by its fingerprint and the corpus's.
        texts_of: Gives the texts of corpus rows.
        rows: Number of documents.
        folder: Where the shards go.
        progress: Shows the rows done.
    """
    starts = range(0, rows, SHARD_ROWS)
    missing = [start for start in starts if not _is_whole(folder, start)]
    finished = rows - sum(min(SHARD_ROWS, rows - start) for start in missing)
    with progress.task("encode documents", total=rows, done=finished) as task:
        for start in missing:
            numbers = range(start, min(start + SHARD_ROWS, rows))
            texts = texts_of(numbers)
            vectors = encode_in_pieces(encoder, texts, task)
            _write_shard(folder, start, vectors, encoder.count_too_long(texts))
    too_long = sum(int(read_json(_side(folder, start))["too_long"]) for start in starts)
    return VectorStore(folder, rows, too_long)


def encode_in_pieces(encoder: Encoder, texts: Sequence[str], task: Task) -> Vectors:
    """Encode texts piece by piece, so that a bar can move.

    Args:
        encoder: The model.
        texts: At least one text.
        task: Told of every text that is done.

    Returns:
        One row per text, in the order given, shape (n, dimensions).
    """
    # The longest come first, so that the texts of a batch are alike in length.
    order = np.array(sorted(range(len(texts)), key=lambda number: -len(texts[number])))
    parts = []
    for piece in np.array_split(order, max(1, len(order) // _PIECE_ROWS)):
        parts.append(encoder.encode_documents([texts[number] for number in piece]))
        task.advance(len(piece))
    encoded = np.concatenate(parts)
    vectors = np.empty_like(encoded)
    vectors[order] = encoded
    return vectors


def _shard(folder: Path, start: int) -> Path:
    return folder / f"{start // SHARD_ROWS:05d}.npy"


def _side(folder: Path, start: int) -> Path:
    return _shard(folder, start).with_suffix(".json")


def _write_shard(folder: Path, start: int, vectors: Vectors, too_long: int) -> None:
    # NumPy tells of a full disk in words of its own when it writes to a file itself.
    content = io.BytesIO()
    np.save(content, vectors, allow_pickle=False)
    with replacing(_shard(folder, start)) as temporary:
        temporary.write_bytes(content.getvalue())
    digest = file_hash(_shard(folder, start))
    write_json(_side(folder, start), {"sha256": digest, "too_long": too_long})


def _is_whole(folder: Path, start: int) -> bool:
    side, shard = _side(folder, start), _shard(folder, start)
    if not side.is_file() or not shard.is_file():
        return False
    try:
        expected = read_json(side)["sha256"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(expected == file_hash(shard))
