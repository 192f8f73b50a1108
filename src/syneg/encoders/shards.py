"""Shards on disk: vectors named by the texts they are of, each file written whole or not at all."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from syneg.encoders.contract import Flags, Vectors
from syneg.files import file_hash, read_json, replacing, write_json

# Half of a text's hash finds it, the other half makes sure; and whether it was too long.
_TEXT = np.dtype([("first", "<u8"), ("second", "<u8"), ("too_long", "?")])
Digests = npt.NDArray[np.void]


def digest_texts(texts: Sequence[str]) -> Digests:
    """Return a 128-bit hash of each text, in the columns "first" and "second".

    Example:
        >>> one, other, again = digest_texts(["a", "b", "a"])
        >>> one == again, one == other
        (np.True_, np.False_)
    """
    joined = b"".join(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        for text in texts
    )
    halves = np.frombuffer(joined, "<u8").reshape(-1, 2)
    digests = np.zeros(len(texts), _TEXT)
    digests["first"], digests["second"] = halves[:, 0], halves[:, 1]
    return digests


@dataclass(frozen=True)
class Shard:
    """The vectors of some consecutive documents, named by the texts of these.

    Beside the vectors lie the hashes of the texts, and last, when both are whole on disk, a
    JSON file with the hashes of both files is written. A shard without it does not count.

    Attributes:
        folder: Where the files are.
        name: Hash of the texts, in their order.
    """

    folder: Path
    name: str

    @classmethod
    def of(cls, folder: Path, digests: Digests) -> Shard:
        """Return the shard that holds the texts with these hashes."""
        named = np.stack([digests["first"], digests["second"]], axis=1)
        return cls(folder, hashlib.sha256(named.tobytes()).hexdigest()[:32])

    @property
    def vectors_file(self) -> Path:
        """The file of the vectors, which any reader of .npy files can open."""
        return self.folder / f"{self.name}.npy"

    @property
    def facts_file(self) -> Path:
        """The JSON file that makes the shard count."""
        return self.folder / f"{self.name}.json"

    @property
    def _texts_file(self) -> Path:
        return self.folder / f"{self.name}.texts.npy"

    def vectors(self) -> Vectors:
        """Return the vectors, memory-mapped, shape (rows, dimensions)."""
        found: Vectors = np.load(self.vectors_file, mmap_mode="r", allow_pickle=False)
        return found

    def digests(self) -> Digests:
        """Return the hashes of the texts."""
        found: Digests = np.load(self._texts_file, allow_pickle=False)
        return found

    def facts(self) -> dict[str, Any]:
        """Return what was written down: rows, dimensions, too_long and the files' hashes."""
        facts: dict[str, Any] = read_json(self.facts_file)
        return facts

    def is_whole(self) -> bool:
        """Return whether both files are there with the bytes that were written."""
        try:
            facts = self.facts()
            files = {self.vectors_file: "sha256", self._texts_file: "texts_sha256"}
            return all(file_hash(path) == facts[field] for path, field in files.items())
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def write(self, vectors: Vectors, digests: Digests, too_long: Flags) -> None:
        """Write the shard; a process killed inside leaves none."""
        digests = digests.copy()
        digests["too_long"] = too_long
        hashes = [
            _write_array(path, array)
            for path, array in ((self.vectors_file, vectors), (self._texts_file, digests))
        ]
        facts = {
            "rows": len(vectors),
            "dimensions": int(vectors.shape[1]),
            "too_long": int(too_long.sum()),
            "sha256": hashes[0],
            "texts_sha256": hashes[1],
        }
        write_json(self.facts_file, facts)


class KnownTexts:
    """Which texts a folder of shards has vectors of already.

    Twenty-odd bytes a text are held in memory. Damaged shards are passed over.

    Args:
        shards: Shards known to be whole.
    """

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = list(shards)
        tables = [shard.digests() for shard in self._shards]
        self._digests = np.concatenate(tables) if tables else np.zeros(0, _TEXT)
        self._starts = np.cumsum([0, *(len(table) for table in tables)])
        self._order = np.argsort(self._digests["first"], kind="stable")
        self._sorted = self._digests["first"][self._order]

    def find(self, digests: Digests) -> npt.NDArray[np.int64]:
        """Return where each text's vector is, for `take`; -1 where there is none."""
        if not len(self._sorted):
            return np.full(len(digests), -1, np.int64)
        places = np.searchsorted(self._sorted, digests["first"])
        rows = self._order[np.minimum(places, len(self._sorted) - 1)]
        found = self._digests[rows]
        same = (found["first"] == digests["first"]) & (found["second"] == digests["second"])
        return np.where(same, rows, -1).astype(np.int64)

    def take(self, rows: npt.NDArray[np.int64]) -> tuple[Vectors, Flags]:
        """Return the vectors in the places that `find` gave, and which texts were too long."""
        numbers = np.searchsorted(self._starts, rows, side="right") - 1
        parts: Vectors | None = None
        for number in np.unique(numbers):
            inside = numbers == number
            vectors = self._shards[int(number)].vectors()
            if parts is None:
                parts = np.zeros((len(rows), vectors.shape[1]), np.float32)
            parts[inside] = vectors[rows[inside] - self._starts[number]]
        if parts is None:
            parts = np.zeros((0, 0), np.float32)
        return parts, self._digests["too_long"][rows]


def whole_shards(folder: Path) -> list[Shard]:
    """Return the shards of a folder that are not damaged, ordered by name."""
    found = [Shard(folder, path.stem) for path in sorted(folder.glob("*.json"))]
    return [shard for shard in found if shard.is_whole()]


def _write_array(path: Path, array: npt.NDArray[Any]) -> str:
    # NumPy tells of a full disk in words of its own when it writes to a file itself.
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    with replacing(path) as temporary:
        temporary.write_bytes(content.getbuffer())
    return hashlib.sha256(content.getbuffer()).hexdigest()
