"""Finding near-copies among the synthetic texts: MinHash, and exact comparison of what it finds.

MinHash with locality-sensitive hashing (Broder 1997; Indyk and Motwani 1998): the chance that
the smallest hash of two sets is the same equals the share of what they have in common
(Jaccard). Texts whose smallest hashes agree in all rows of one band are compared exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from syneg.filters.gates import Finding
from syneg.filters.words import Run, runs, words

_HASHES = 128
_BATCH = 1_024
_MISSED = 1e-3
_MOST_COMPARED = 64
_MOST_LOOKED_AT = 1_024
_SLACK = 0.15
_REMEMBERED = 8_192

_Hashes = npt.NDArray[np.uint64]
_Signatures = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Bands:
    """How signatures are cut into bands.

    Attributes:
        count: Number of bands.
        rows: Smallest hashes in each.
    """

    count: int
    rows: int


def bands_for(share: float) -> Bands:
    """Return the widest bands that miss at most one pair in 1,000 with `share` in common.

    Args:
        share: The Jaccard similarity, in (0, 1], from which pairs must be found.

    Example:
        >>> bands_for(0.7), bands_for(1.0)
        (Bands(count=32, rows=4), Bands(count=1, rows=128))
    """
    for rows in range(_HASHES, 1, -1):
        count = _HASHES // rows
        if (1 - share**rows) ** count <= _MISSED:
            return Bands(count, rows)
    return Bands(_HASHES, 1)


def find_near_duplicates(
    ids: pa.Array, texts: pa.Array, *, share: float, length: int
) -> dict[str, Finding]:
    """Judge each text against all others: of near-copies the one with the smallest id stays.

    Going through the ids in their order, a text is dropped if it is a near-copy of one that
    stays. So neither the order of the pool nor its parts matter, and a text is not dropped for
    being like one that is dropped itself. A text is compared with at most 64 others, those
    that are most alike by their signatures; of texts that all follow one pattern, and so share
    bands with all others, only the 1,024 that share the rarest bands are looked at.

    Args:
        ids: The negatives' ids, each once.
        texts: Their texts; null and wordless ones are like no other.
        share: Share of common runs among all different runs of both texts, in (0, 1], from
            which they are near-copies.
        length: Words in a run.

    Returns:
        Findings by id, of the near-copies alone; the score is the share in common.

    Example:
        >>> first = "the quick brown fox jumps over the lazy dog and runs far away today"
        >>> found = find_near_duplicates(
        ...     pa.array(["b", "a"]), pa.array([first, first + " again"]), share=0.7, length=3)
        >>> found["b"].reason
        '92% of its runs of words are those of the synthetic negative a'
    """
    names = np.array(ids.to_pylist(), dtype=object)
    order = np.argsort(names, kind="stable")
    signatures, has_words = _signatures(texts, length)
    groups = _groups(signatures, has_words, bands_for(share))
    read = _reader(texts, length)
    return {
        str(names[row]): Finding(
            True,
            common,
            f"{common:.0%} of its runs of words are those of the synthetic negative {names[other]}",
        )
        for row, other, common in _copies(order, groups, signatures, read, share)
    }


def _copies(
    order: npt.NDArray[np.int64],
    groups: dict[int, list[int]],
    signatures: _Signatures,
    read: Callable[[int], frozenset[Run]],
    share: float,
) -> Iterator[tuple[int, int, float]]:
    """Yield each near-copy, the text that it copies and the share that both have in common."""
    kept: dict[int, list[int]] = {}
    for row in order.tolist():
        mine = groups.get(row)
        if mine is None:
            continue
        others = _sharing(mine, kept)
        best = max(
            ((_in_common(read(row), read(one)), -place, one)
             for place, one in enumerate(_most_alike(row, others, signatures, share))),
            default=(0.0, 0, -1),
        )  # fmt: skip
        if best[0] >= share:
            yield row, best[2], best[0]
            continue
        for group in mine:
            kept.setdefault(group, []).append(row)


def _sharing(groups: Sequence[int], kept: dict[int, list[int]]) -> list[int]:
    """Return the texts in some bands, those of the rarest bands first where there are many."""
    found: set[int] = set()
    for group in sorted(groups, key=lambda one: (len(kept.get(one, ())), one)):
        found.update(kept.get(group, ())[: _MOST_LOOKED_AT - len(found)])
        if len(found) >= _MOST_LOOKED_AT:
            break
    return sorted(found)


def _most_alike(
    row: int, others: Sequence[int], signatures: _Signatures, share: float
) -> Sequence[int]:
    if len(others) <= 2:
        return others
    alike = (signatures[np.array(others)] == signatures[row]).mean(axis=1)
    likely = np.flatnonzero(alike >= share - _SLACK)
    nearest = likely[np.argsort(-alike[likely], kind="stable")][:_MOST_COMPARED]
    return [others[place] for place in nearest.tolist()]


def _in_common(first: frozenset[Run], second: frozenset[Run]) -> float:
    common = len(first & second)
    return common / (len(first) + len(second) - common)


def _reader(texts: pa.Array, length: int) -> Callable[[int], frozenset[Run]]:
    @lru_cache(maxsize=_REMEMBERED)
    def read(row: int) -> frozenset[Run]:
        return frozenset(runs(words(texts[row].as_py()), length))

    return read


def _groups(
    signatures: _Signatures, has_words: npt.NDArray[np.bool_], bands: Bands
) -> dict[int, list[int]]:
    """Return for each text that shares a band with another the numbers of those bands."""
    found: dict[int, list[int]] = {}
    first_number = 0
    rows = np.flatnonzero(has_words)
    for band in range(bands.count):
        part = signatures[rows, band * bands.rows : (band + 1) * bands.rows]
        _, number, count = np.unique(_mixed(part), return_inverse=True, return_counts=True)
        shared = np.flatnonzero(count[number] > 1)
        for place in shared.tolist():
            found.setdefault(int(rows[place]), []).append(first_number + int(number[place]))
        first_number += len(count)
    return found


def _signatures(texts: pa.Array, length: int) -> tuple[_Signatures, npt.NDArray[np.bool_]]:
    """Return the smallest hashes of every text, shape (texts, 128), and which have words."""
    signatures = np.zeros((len(texts), _HASHES), np.uint32)
    has_words = np.zeros(len(texts), bool)
    factors, terms = _hash_functions()
    hashes = _WordHashes()
    for start in range(0, len(texts), _BATCH):
        found = [words(text or "") for text in texts.slice(start, _BATCH).to_pylist()]
        counts = np.array([len(one) for one in found])
        kept = np.flatnonzero(counts)
        has_words[start + kept] = True
        if not len(kept):
            continue
        each = map(hashes.__getitem__, chain.from_iterable(found))
        flat = np.fromiter(each, np.uint64, int(counts.sum()))
        values, starts = _run_hashes(flat, counts[kept], length)
        for column in range(_HASHES):
            mixed = (values * factors[column] + terms[column]) >> np.uint64(32)
            smallest = np.minimum.reduceat(mixed.astype(np.uint32), starts)
            signatures[start + kept, column] = smallest
    return signatures, has_words


def _run_hashes(
    flat: _Hashes, counts: npt.NDArray[np.int64], length: int
) -> tuple[_Hashes, npt.NDArray[np.int64]]:
    """Return the hash of every run of every text, one text after the other, and their starts."""
    ends = np.cumsum(counts)
    first = np.repeat(ends - counts, counts)
    place = np.arange(len(flat)) - first
    size = np.repeat(counts, counts)
    whole = np.zeros(len(flat), np.uint64)
    for step in range(length):
        inside = place + step < size
        here = np.flatnonzero(inside)
        factor = np.uint64(int(_FACTOR) ** (length - step) & 0xFFFFFFFFFFFFFFFF)
        whole[here] += flat[here + step] * factor
    # A text shorter than a run is one run: its first position.
    is_run = place <= np.maximum(size - length, 0)
    values = whole[is_run]
    values ^= values >> np.uint64(29)
    values *= _FACTOR
    values ^= values >> np.uint64(32)
    numbers = np.maximum(counts - length, 0) + 1
    return values, np.cumsum(numbers) - numbers


_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def _mixed(part: _Signatures) -> _Hashes:
    value = np.zeros(len(part), np.uint64)
    for column in range(part.shape[1]):
        value = (value ^ part[:, column].astype(np.uint64)) * _FACTOR
        value ^= value >> np.uint64(31)
    return value


def _hash_functions() -> tuple[_Hashes, _Hashes]:
    # Always the same: a verdict must not depend on the run that it was made in.
    draw = np.random.default_rng(20_241_217)
    limits = (0, 2**64 - 1)
    factors = draw.integers(*limits, _HASHES, np.uint64, endpoint=True) | np.uint64(1)
    return factors, draw.integers(*limits, _HASHES, np.uint64, endpoint=True)


class _WordHashes(dict[str, int]):
    """A hash of each word that is the same in every process, kept once worked out."""

    _MOST = 1_000_000

    def __missing__(self, word: str) -> int:
        if len(self) >= self._MOST:
            self.clear()
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self[word] = value = int.from_bytes(digest, "little")
        return value
