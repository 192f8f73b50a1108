"""Mining by itself: from a data set to selected negatives, everything slow cached by content."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import Encoder
from syneg.encoders.nearest import SearchOptions
from syneg.encoders.remembered import RememberedQueries
from syneg.encoders.store import VectorStore, encode_corpus
from syneg.errors import InputError
from syneg.files import value_hash
from syneg.mining.candidates import Candidates, Integers, Positives
from syneg.mining.exclusions import NEAR_DUPLICATE
from syneg.mining.merging import merged
from syneg.mining.references import Reference
from syneg.mining.rules import Rule
from syneg.mining.selection import Selection, select
from syneg.mining.similarity import compare_candidates
from syneg.mining.source import RetrievedSource, split_positives
from syneg.mining.source_list import Means, build_sources
from syneg.mining.source_names import SourceName
from syneg.mining.stored import (
    read_candidates,
    read_facts,
    read_positives,
    write_candidates,
    write_positives,
)
from syneg.progress import Progress, SilentProgress

logger = logging.getLogger(__name__)

_VERSION = 1
"""Of what is cached: a later one makes everything again."""


@dataclass(frozen=True)
class MiningPlan:
    """What is mined, and how negatives are chosen from it.

    Attributes:
        sources: From `parse_sources`.
        rules: From `parse_rules`.
        negatives: How many each query is to get.
        split: The split whose queries get negatives.
        reference: Which positive candidates are held against.
        depth: Candidates per query and source.
        language: Of BM25's stemmer and stop words.
        near_duplicate: See `exclude_by_text`; None compares whole texts only.
        seed: Of all draws.
        search: How a dense source searches; None: see `DenseSource`.
    """

    sources: Sequence[SourceName]
    rules: Sequence[Rule]
    negatives: int = 4
    split: str = "train"
    reference: Reference = Reference.NEAREST
    depth: int = 100
    language: str = "english"
    near_duplicate: float | None = NEAR_DUPLICATE
    seed: int = 0
    search: SearchOptions | None = None

    @property
    def encodes(self) -> bool:
        """Whether an encoder is needed: to search, or to compare."""
        return any(source.encodes for source in self.sources) or any(
            rule.kind.compares for rule in self.rules
        )


@dataclass(frozen=True)
class Mined:
    """What came of mining.

    Attributes:
        dataset: The data.
        positives: The queries with their positives.
        selection: What became of every candidate.
        reference: Which positive candidates were held against.
        searches: What searches tell of themselves, by source: method, recall.
    """

    dataset: RetrievalDataset
    positives: Positives
    selection: Selection
    reference: Reference
    searches: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class _Workplace:
    dataset: RetrievalDataset
    plan: MiningPlan
    cache: Path
    load_encoder: Callable[[], Encoder]
    progress: Progress = field(default_factory=SilentProgress)
    sources: Integers | None = None

    @cached_property
    def fingerprint(self) -> str:
        return self.dataset.fingerprint()

    @cached_property
    def encoder(self) -> Encoder:
        return self.load_encoder()

    @cached_property
    def asking(self) -> Encoder:
        """The encoder for queries, each of which is encoded once for all sources."""
        return RememberedQueries(self.encoder)

    @cached_property
    def vectors(self) -> VectorStore:
        dataset = self.dataset
        return encode_corpus(
            self.encoder,
            dataset.document_texts,
            dataset.corpus.num_rows,
            self.cache / "embeddings" / self.encoder.fingerprint,
            self.progress,
            name=self.fingerprint,
            id_of=lambda row: dataset.document_ids([row])[0],
        )

    def file(self, name: str, *parts: object) -> Path:
        model = self.encoder.fingerprint if self.plan.encodes else None
        key = value_hash([_VERSION, self.fingerprint, self.plan.split, model, *parts])
        return self.cache / "candidates" / f"{name}-{key}.parquet"


def mine_negatives(
    dataset: RetrievalDataset,
    plan: MiningPlan,
    *,
    cache: Path,
    load_encoder: Callable[[], Encoder],
    progress: Progress | None = None,
    sources: Integers | None = None,
) -> Mined:
    """Find candidates and choose negatives from them.

    Vectors, candidates and their similarities are kept in the cache, named by all that decides
    them: another call with other rules reads them and selects anew, in seconds.

    Args:
        dataset: Queries, judgements and corpus.
        plan: What to do.
        cache: A folder; made if it is not there. It may serve any number of data sets, models
            and processes.
        load_encoder: Gives the model; called only where the plan needs one.
        progress: Shows what is being done.
        sources: From `source_documents`: other chunks of a positive's document are excluded.

    Raises:
        InputError: The corpus or the split is empty, or a source's file is wrong.
    """
    place = _Workplace(dataset, plan, cache, load_encoder, progress or SilentProgress(), sources)
    dataset.judgements(plan.split)
    if not dataset.corpus.num_rows:
        raise InputError(
            f"the corpus of '{dataset.name}' holds no document",
            field="corpus",
            remedy="name a data set with documents",
        )
    positives = split_positives(dataset, plan.split)
    means = Means(
        depth=plan.depth,
        seed=plan.seed,
        language=plan.language,
        dense=lambda: (place.asking, lambda: place.vectors),
        search=plan.search,
    )
    parts, searches = [], {}
    with place.progress.task("search", total=len(plan.sources)) as task:
        for source in build_sources(plan.sources, means):
            task.describe(source.name)
            found, positives, told = _candidates(place, source, positives)
            parts.append(found)
            if told:
                searches[source.name] = told
            task.advance()
    selection = select(
        merged(parts),
        positives,
        plan.rules,
        reference=plan.reference,
        wanted=plan.negatives,
        seed=plan.seed,
    )
    return Mined(dataset, positives, selection, plan.reference, searches)


def _candidates(
    place: _Workplace, source: RetrievedSource, positives: Positives
) -> tuple[Candidates, Positives, dict[str, Any]]:
    """Return a source's candidates, the positives compared, and what the search tells."""
    plan = place.plan
    cut = [] if place.sources is None else [sha256(place.sources.tobytes()).hexdigest()]
    file = place.file(source.name, source.identity, plan.depth, plan.near_duplicate, *cut)
    of_positives = place.file("positives")
    known = read_positives(of_positives, positives) if plan.encodes else positives
    if file.is_file() and known is not None:
        try:
            return read_candidates(file, positives.query_ids), known, read_facts(file)
        except InputError as error:
            logger.warning("searching again: %s", error)
    found = source.candidates(
        place.dataset,
        positives,
        plan.split,
        near_duplicate=plan.near_duplicate,
        sources=place.sources,
    )
    if plan.encodes:
        found, positives = compare_candidates(
            found, positives, place.dataset, place.asking, place.vectors
        )
        write_positives(of_positives, positives)
    write_candidates(file, found, place.dataset, source.facts)
    return found, positives, source.facts
