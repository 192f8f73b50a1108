"""From the names of sources to the sources themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from syneg.encoders.encoder import Encoder
from syneg.encoders.nearest import SearchOptions
from syneg.encoders.store import VectorStore
from syneg.mining.given import EarlierSource, JudgedSource
from syneg.mining.run_file import RunFileSource
from syneg.mining.source import RetrievedSource
from syneg.mining.source_names import SourceName
from syneg.mining.sources import BM25Source, DenseSource, FusedSource, RandomSource


@dataclass(frozen=True)
class Means:
    """What the sources may need.

    Attributes:
        depth: Candidates per query and source.
        seed: Of what is drawn.
        language: Of BM25's stemmer and stop words.
        dense: Gives the encoder and the corpus encoded by it (see `DenseSource`), when asked.
        random_depth: Candidates of `random`; None: `depth`.
        search: How a dense source searches; None: see `DenseSource`.
    """

    depth: int
    seed: int
    language: str
    dense: Callable[[], tuple[Encoder, VectorStore | Callable[[], VectorStore]]]
    random_depth: int | None = None
    search: SearchOptions | None = None


def build_sources(names: Sequence[SourceName], means: Means) -> list[RetrievedSource]:
    """Return the sources that are named, each with a name of its own for its records."""
    built = [_build(name, means) for name in names]
    seen: dict[str, int] = {}
    for source in built:
        seen[source.name] = seen.get(source.name, 0) + 1
        if seen[source.name] > 1:
            # Two files of one name in different folders.
            source.name = f"{source.name}-{seen[source.name]}"
    return built


def _build(name: SourceName, means: Means) -> RetrievedSource:
    if name.kind == "random":
        return RandomSource(means.random_depth or means.depth, seed=means.seed)
    if name.kind == "bm25":
        return BM25Source(means.depth, language=means.language)
    if name.kind == "judged":
        return JudgedSource(means.depth)
    if name.kind == "dense":
        encoder, vectors = means.dense()
        return DenseSource(encoder, vectors, means.depth, search_options=means.search)
    if name.kind == "fusion":
        return FusedSource([_build(part, means) for part in name.parts], means.depth)
    assert name.path is not None
    if name.kind == "run":
        return RunFileSource(name.path, means.depth)
    return EarlierSource(name.path, means.depth)
