"""Exact nearest-neighbour search over blocks of vectors, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from syneg.encoders.contract import Precision, Vectors
from syneg.encoders.screening import (
    Floats,
    NumpyScreen,
    Screen,
    TorchScreen,
    largest_error,
)
from syneg.encoders.topk import EMPTY, Keys, Rows, best_keys, from_keys, sorted_result, to_keys
from syneg.errors import InputError

_QUERIES_AT_ONCE = 1024
# Documents screened together, by number and by bytes; a GPU takes more at once. What is small
# stays in a processor's cache.
_ROWS_AT_ONCE = 4096
_BYTES_AT_ONCE = 1 << 24
_TIMES_ON_GPU = 8
_PAIRS_AT_ONCE = 1024
# In the first blocks many documents are among the best so far, and the finer screen spares more
# exact scores than the faster one spares time.
_BLOCKS_IN_FLOAT32 = 16
# An exact score takes about 250 times as long as a product in float32 takes longer than one in
# bfloat16.
_MOST_IN_VAIN = 0.004
# A product of lengths above it could make a score infinite.
_LARGEST = 1e30


def exact_search(
    queries: Vectors,
    blocks: Iterable[tuple[int, Vectors]],
    depth: int,
    *,
    screening: Precision = Precision.FLOAT32,
    device: str = "cpu",
) -> tuple[Rows, Vectors]:
    """Return the `depth` documents with the highest dot product to each query.

    Pairs are screened by products of matrices, whose error is bounded; what may be among the
    best is scored once more, pair by pair in float32. So the result, to the last bit, is the
    same however the corpus is cut into blocks, whatever computes the screening, and with any
    number of threads.

    Args:
        queries: Shape (n, dimensions).
        blocks: (first row, vectors of shape (m, dimensions)) pairs that cover the corpus.
        depth: How many documents per query, from 1; fewer come back if the corpus is smaller.
        screening: bfloat16 is faster where the device computes in it (see
            `mining_precision`), and finds the same documents.
        device: Where to screen, for example "cuda:0".

    Returns:
        Rows and scores, both of shape (n, depth), best first; equal scores are ordered by
        row.

    Raises:
        InputError: Queries and documents have different dimensions, or a number is not
            finite.
        MissingExtraError: PyTorch is needed and not installed.

    Example:
        >>> vectors = np.eye(3, dtype=np.float32)
        >>> rows, scores = exact_search(vectors[:1], [(0, vectors[:2]), (2, vectors[2:])], 2)
        >>> rows.tolist(), scores.tolist()
        ([[0, 1]], [[1.0, 0.0]])
    """
    search = _Search(np.ascontiguousarray(queries, np.float32), depth, screening, device)
    searched = 0
    times = 1 if device == "cpu" else _TIMES_ON_GPU
    for start, block in _even_blocks(blocks, search.queries.shape[1], times):
        search.look_at(start, block)
        searched += len(block)
    rows, scores = sorted_result(search.best)
    return rows[:, :searched], scores[:, :searched]


class _Search:
    """The best documents of every query among the blocks looked at so far."""

    def __init__(self, queries: Vectors, depth: int, precision: Precision, device: str) -> None:
        _check_finite(queries, "query", 0)
        self.queries = queries
        self.best: Keys = np.full((len(queries), depth), EMPTY)
        self._depth = depth
        self._device = device
        self._lengths = _lengths(queries)
        self._blocks = 0
        self._precision = precision
        self._screen_in(Precision.FLOAT32)

    def look_at(self, start: int, block: Vectors) -> None:
        """Take in one more block, whose first document has the row `start`."""
        if self._blocks == _BLOCKS_IN_FLOAT32 * max(1, self._depth // 128):
            self._screen_in(self._precision)
        self._blocks += 1
        longest = _longest(self._lengths, block)
        # Numbers too small to be held in full count as errors too.
        tiny = float(np.finfo(np.float32).tiny) * (block.shape[1] + 1)
        margin = self._error * self._lengths * longest + tiny * (self._lengths + longest + 1)
        self._screen.load(block)
        in_vain = 0
        for first in range(0, len(self.queries), _QUERIES_AT_ONCE):
            piece = slice(first, min(first + _QUERIES_AT_ONCE, len(self.queries)))
            in_vain += self._look_at(start, block, piece, margin[piece])
        if self._screened_in is not Precision.FLOAT32 and in_vain > _MOST_IN_VAIN * (
            len(self.queries) * len(block)
        ):
            # Vectors this crowded are told apart faster by products in float32.
            self._screen_in(Precision.FLOAT32)

    def _screen_in(self, precision: Precision) -> None:
        self._screened_in = precision
        self._error = largest_error(self.queries.shape[1], precision)
        self._screen: Screen
        if self._device == "cpu" and precision is Precision.FLOAT32:
            self._screen = NumpyScreen(self.queries)
        else:
            self._screen = TorchScreen(self.queries, precision, self._device)

    def _look_at(self, start: int, block: Vectors, piece: slice, margin: Floats) -> int:
        """Improve the best of some queries; return how many exact scores were in vain."""
        queries, best = self.queries[piece], self.best[piece]
        worst = best.min(axis=1)
        _, floor = from_keys(worst)
        own = self._depth if (worst == EMPTY).any() and self._depth <= len(block) else None
        places = self._screen.candidates(
            piece.start, piece.stop, floor.astype(np.float64) - margin, margin, own
        )
        of_query, of_block = np.divmod(places, len(block))
        keys = to_keys(_dot_products(queries, block, of_query, of_block), of_block + start)
        better = keys > worst[of_query]
        of_query, keys = of_query[better], keys[better]
        self.best[piece] = _with_found(best, of_query, keys)
        return len(places) - len(keys)


def _with_found(best: Keys, of_query: Rows, keys: Keys) -> Keys:
    """Return the best of what each query had and of what was found, `of_query` ascending."""
    counts = np.bincount(of_query, minlength=len(best))
    touched = np.flatnonzero(counts)
    if not touched.size:
        return best
    # One line per query that has better ones, as long as the longest.
    found = np.full((len(touched), int(counts.max())), EMPTY)
    inside = np.arange(len(keys)) - np.repeat(np.cumsum(counts) - counts, counts)
    found[np.searchsorted(touched, of_query), inside] = keys
    improved = best.copy()
    joined = np.concatenate([best[touched], found], axis=1)
    improved[touched] = best_keys(joined, best.shape[1])
    return improved


def _dot_products(queries: Vectors, block: Vectors, of_query: Rows, of_block: Rows) -> Vectors:
    # A sum over two contiguous rows is always added up in the same order, which a product of
    # matrices is not: its result can depend on where in the matrix a row stands.
    scores = np.empty(len(of_query), np.float32)
    for start in range(0, len(scores), _PAIRS_AT_ONCE):
        piece = slice(start, start + _PAIRS_AT_ONCE)
        np.einsum("ij,ij->i", queries[of_query[piece]], block[of_block[piece]], out=scores[piece])
    return scores


def _even_blocks(
    blocks: Iterable[tuple[int, Vectors]], dimensions: int, times: int
) -> Iterator[tuple[int, Vectors]]:
    """Yield the same vectors in blocks of a size that suits the screening, checked."""
    most = times * min(_ROWS_AT_ONCE, max(1, _BYTES_AT_ONCE // (4 * max(1, dimensions))))
    gathered: list[Vectors] = []
    first = rows = 0
    for start, block in blocks:
        if block.ndim != 2 or block.shape[1] != dimensions:
            raise InputError(
                f"the queries have {dimensions} dimensions and the documents' vectors have "
                f"the shape {block.shape}",
                field="dimensions",
                remedy="encode both with the same model",
            )
        for inside in range(0, len(block), most):
            piece = np.asarray(block[inside : inside + most], np.float32)
            _check_finite(piece, "document", start + inside)
            if gathered and (first + rows != start + inside or rows + len(piece) > most):
                yield first, np.concatenate(gathered)
                gathered, rows = [], 0
            first = first if gathered else start + inside
            gathered.append(piece)
            rows += len(piece)
    if gathered:
        yield first, np.concatenate(gathered)


def _check_finite(vectors: Vectors, kind: str, first: int) -> None:
    # The sum of squares is finite only if all are; looking at each number takes longer.
    if np.isfinite(np.vdot(vectors, vectors)):
        return
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if wrong.size:
        raise InputError(
            f"the vector of a {kind} holds numbers that are not finite",
            field="row",
            value=first + int(wrong[0]),
            remedy="encode again in float32, or with another checkpoint",
        )


def _lengths(vectors: Vectors) -> Floats:
    squares: Floats = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    return np.sqrt(squares)


def _longest(lengths: Floats, block: Vectors) -> float:
    longest = float(np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64).max()))
    if len(lengths) and lengths.max() * longest > _LARGEST:
        raise InputError(
            "the vectors are so long that their dot products may not be finite",
            field="length",
            value=longest,
            remedy="scale them to length 1",
        )
    return longest
