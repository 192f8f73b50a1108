"""The sources that search the corpus: chance, BM25, a dense retriever, and several fused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import Encoder
from syneg.encoders.nearest import Nearest, SearchOptions, search_store
from syneg.encoders.store import VectorStore
from syneg.errors import InputError
from syneg.mining.bm25 import BM25Index, check_language
from syneg.mining.candidates import Candidates
from syneg.mining.source import RetrievedSource
from syneg.seeding import generator_for

_SMALL = 4096
_DRAWN_AT_ONCE = 64


class RandomSource(RetrievedSource):
    """Documents drawn by chance.

    Args:
        depth: Candidates per query.
        seed: Each query draws from a generator seeded by (seed, query id).
    """

    name = "random"

    def __init__(self, depth: int = 10, *, seed: int = 0) -> None:
        self.depth = depth
        self.seed = seed

    @property
    def identity(self) -> list[Any]:
        """The name and the seed."""
        return [self.name, self.seed]

    def search(
        self, dataset: RetrievalDataset, split: str, query_ids: Sequence[str], depth: int
    ) -> Candidates:
        """Draw `depth` different documents for each query."""
        rows = np.empty((len(query_ids), depth), np.int64)
        for number, query_id in enumerate(query_ids):
            generator = generator_for(self.seed, "random", query_id)
            rows[number] = _drawn(generator, dataset.corpus.num_rows, depth)
        return Candidates.from_grid(self.name, query_ids, rows, np.zeros(rows.shape, np.float32))


class BM25Source(RetrievedSource):
    """The documents that BM25 ranks highest; see `BM25Index`.

    Args:
        depth: Candidates per query.
        language: Of the stemmer and the stop words.
    """

    name = "bm25"

    def __init__(self, depth: int = 30, *, language: str = "english") -> None:
        self.depth = depth
        self.language = check_language(language)
        self._indexed: tuple[RetrievalDataset, BM25Index] | None = None

    @property
    def identity(self) -> list[Any]:
        """The name and the language."""
        return [self.name, self.language]

    def search(
        self, dataset: RetrievalDataset, split: str, query_ids: Sequence[str], depth: int
    ) -> Candidates:
        """Return the best documents that share a word with each query."""
        if self._indexed is None or self._indexed[0] is not dataset:
            self._indexed = dataset, BM25Index(dataset, self.language)
        rows, scores = self._indexed[1].search(dataset.query_texts(query_ids), depth)
        return Candidates.from_grid(self.name, query_ids, rows, scores)


class DenseSource(RetrievedSource):
    """The documents nearest to the query under an encoder.

    Args:
        encoder: The model.
        vectors: The corpus encoded by it, or what gives it when there is a search to do.
        depth: Candidates per query.
        search_options: How the vectors are searched; None: exactly up to a million documents
            and with FAISS beyond. Exact search computes on the GPU where the model does.
    """

    name = "dense"

    def __init__(
        self,
        encoder: Encoder,
        vectors: VectorStore | Callable[[], VectorStore],
        depth: int = 30,
        *,
        search_options: SearchOptions | None = None,
    ) -> None:
        self.encoder = encoder
        self.vectors = vectors
        self.depth = depth
        options = search_options or SearchOptions()
        device = str(getattr(encoder, "device", "cpu"))
        on_gpu = options.device == "cpu" and device.startswith("cuda")
        self.search_options = replace(options, device=device) if on_gpu else options
        self._worst: Nearest | None = None

    @property
    def identity(self) -> list[Any]:
        """The name, the model's fingerprint and how is searched."""
        return [self.name, self.encoder.fingerprint, *self.search_options.identity]

    @property
    def facts(self) -> dict[str, Any]:
        """The method of search and, for an index, its recall (the lowest of several searches)."""
        return {} if self._worst is None else self._worst.facts

    def search(
        self, dataset: RetrievalDataset, split: str, query_ids: Sequence[str], depth: int
    ) -> Candidates:
        """Return the nearest documents; their scores are their similarities."""
        query_vectors = self.encoder.encode_queries(dataset.query_texts(query_ids))
        vectors = self.vectors if isinstance(self.vectors, VectorStore) else self.vectors()
        nearest = search_store(query_vectors, vectors, depth, self.search_options)
        found = Candidates.from_grid(self.name, query_ids, nearest.rows, nearest.scores)
        if self._worst is None or _less_sure(nearest, self._worst):
            # What was found is not held for longer.
            self._worst = replace(nearest, rows=nearest.rows[:0], scores=nearest.scores[:0])
        return replace(found, similarities=found.scores)


class FusedSource(RetrievedSource):
    """Reciprocal-rank fusion: a document's score is the sum of 1 / (60 + rank) over sources.

    Args:
        parts: At least two sources.
        depth: Candidates per query.
        name: What is written in the `source` field of its records.

    Source:
        Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and
        individual Rank Learning Methods", SIGIR 2009.
    """

    constant = 60

    def __init__(
        self, parts: Sequence[RetrievedSource], depth: int = 30, *, name: str = "fusion"
    ) -> None:
        if len(parts) < 2:
            raise InputError(
                "a fusion needs at least two sources",
                field="sources",
                value=[part.name for part in parts],
                remedy="write it like fusion:bm25+dense",
            )
        self.parts = tuple(parts)
        self.searches = all(part.searches for part in parts)
        self.depth = depth
        self.name = name

    @property
    def identity(self) -> list[Any]:
        """The name and what is fused."""
        return ["fusion", self.constant, *(part.identity for part in self.parts)]

    @property
    def facts(self) -> dict[str, Any]:
        """What its parts tell."""
        return {name: value for part in self.parts for name, value in part.facts.items()}

    def search(
        self, dataset: RetrievalDataset, split: str, query_ids: Sequence[str], depth: int
    ) -> Candidates:
        """Search with every source and add up what the ranks are worth."""
        found = [part.search(dataset, split, query_ids, depth) for part in self.parts]
        width = dataset.corpus.num_rows
        keys = np.concatenate([one.owners * width + one.documents for one in found])
        worth = np.concatenate([1.0 / (self.constant + one.ranks) for one in found])
        pairs, places = np.unique(keys, return_inverse=True)
        scores = np.bincount(places, weights=worth, minlength=len(pairs)).astype(np.float64)
        owners, documents = pairs // width, pairs % width
        fused = Candidates.from_rows(self.name, query_ids, owners, documents, scores)
        return fused.taken(fused.ranks <= depth)


def _less_sure(one: Nearest, other: Nearest) -> bool:
    return (one.recall, -one.sampled) < (other.recall, -other.sampled)


def _drawn(generator: np.random.Generator, size: int, count: int) -> npt.NDArray[np.int64]:
    """Return `count` different numbers below `size`; more of them begin with the same."""
    if size <= _SMALL:
        return np.asarray(generator.permutation(size)[:count], np.int64)
    found: dict[int, None] = {}
    while len(found) < count:
        found.update(dict.fromkeys(generator.integers(size, size=_DRAWN_AT_ONCE).tolist()))
    return np.fromiter(found, np.int64, len(found))[:count]
