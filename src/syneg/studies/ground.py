"""What all cells of a data set share: splits, the pool of negatives, the starting model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset, join_title
from syneg.datasets.load import load_dataset
from syneg.datasets.splits import hold_out_development
from syneg.encoders.encoder import Precision, SentenceEncoder, load_encoder
from syneg.encoders.store import VectorStore
from syneg.errors import InputError
from syneg.evaluation.retrieve import corpus_vectors
from syneg.files import file_hash, read_json, value_hash, write_json
from syneg.filters.options import GateOptions
from syneg.filters.run import false_negative_verdicts, judge_synthetic
from syneg.mining.similarity import add_similarities, positive_similarities
from syneg.mining.sources import BM25Source, DenseSource, RandomSource
from syneg.negatives.pool import NegativePool
from syneg.progress import Progress
from syneg.seeding import generator_for
from syneg.studies.plan import StudyData, StudyPlan
from syneg.synthesis.recorded import read_recorded_negatives
from syneg.training.options import TrainingOptions
from syneg.training.preparation import training_precision

_MINED = ("bm25", "dense", "random")
_FILL = 10

Pair = tuple[str, str]


# Compared by identity: tables have no hash, and a ground is made once for each data set.
@dataclass(frozen=True, eq=False)
class Ground:
    """What all cells of one data set share.

    Attributes:
        name: The data set's name.
        dataset: With the development split "dev".
        folder: Where vectors and pool lie.
        encoder: The starting model.
        vectors: The corpus under it.
        recorded: Names of the recorded sets of negatives.
        pairs: The (query, positive) pairs that every arm trains on.
        rewrites: Rewritten positives by pair.
        model: Where the starting model is.
        fingerprint: Hash of all of it.
    """

    name: str
    dataset: RetrievalDataset
    folder: Path
    encoder: SentenceEncoder
    vectors: VectorStore
    recorded: tuple[str, ...]
    pairs: tuple[Pair, ...]
    rewrites: Mapping[Pair, str]
    model: str
    fingerprint: str

    @cached_property
    def pool(self) -> NegativePool:
        """Mined negatives by source, recorded ones by name, and verdicts on both."""
        return NegativePool(self.folder / "pool")

    def negatives(self, recorded: str | None) -> tuple[pa.Table, pa.Table]:
        """Return negatives and verdicts: all mined ones and those of one recorded set."""
        parts = (*_MINED, *(() if recorded is None else (recorded,)))
        return self.pool.negatives(*parts), self.pool.verdicts("mined", *parts[len(_MINED) :])


def prepare(
    data: StudyData, plan: StudyPlan, data_folder: Path, folder: Path, progress: Progress
) -> Ground:
    """Make what all cells of a data set share, or read what an earlier call made.

    The development split is taken first from the queries for which nothing is recorded, so
    that all arms train on queries with synthetic negatives.

    Raises:
        InputError: The data set or a file is missing or not valid.
    """
    place = data_folder / data.location
    dataset = load_dataset(str(place))
    files = {name: data_folder / file for name, file in data.recorded.items()}
    rewrites_file = None if data.rewrites is None else data_folder / data.rewrites
    for file in (*files.values(), *(() if rewrites_file is None else (rewrites_file,))):
        if not file.is_file():
            raise InputError("there is no such file of recorded texts", file=file)
    have = {name: _recorded(file, dataset) for name, file in files.items()}
    written = {one for table in have.values() for one in table["query_id"].to_pylist()}
    if plan.documents is not None or plan.queries is not None:
        dataset = _smaller(dataset, plan, written)
    dataset = hold_out_development(
        dataset, fraction=plan.development_share, seed=0, largest=300, keep=written
    )
    encoder = load_encoder(plan.model, precision=_fast(plan))
    own = folder / data.name
    corpus_hash = dataset.fingerprint()
    vectors = corpus_vectors(dataset, corpus_hash, encoder, own / "embeddings", progress)
    # Read anew: only pairs of what is left of the training split count.
    have = {name: _recorded(file, dataset) for name, file in files.items()}
    rewrites = {} if rewrites_file is None else _rewrites(_recorded(rewrites_file, dataset))
    pairs = _pairs(dataset, have)
    identity = value_hash(
        [
            corpus_hash,
            encoder.fingerprint,
            {name: file_hash(file) for name, file in files.items()},
            None if rewrites_file is None else file_hash(rewrites_file),
            [plan.depth, plan.percentage_of_positive],
            pairs,
        ]
    )
    ground = Ground(
        data.name,
        dataset,
        own,
        encoder,
        vectors,
        tuple(have),
        pairs,
        rewrites,
        plan.model,
        identity,
    )
    _fill_pool(ground, have, plan, progress)
    return ground


def _fast(plan: StudyPlan) -> Precision:
    return Precision(training_precision(TrainingOptions(precision=plan.precision), _device()))


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _recorded(file: Path, dataset: RetrievalDataset) -> pa.Table:
    table, _ = read_recorded_negatives(file, dataset, split="train", skip_unknown=True)
    return table


def _rewrites(table: pa.Table) -> dict[Pair, str]:
    columns = (table[name].to_pylist() for name in ("query_id", "positive_id", "title", "text"))
    return {
        (query_id, positive_id): join_title(title, text)
        for query_id, positive_id, title, text in zip(*columns, strict=True)
    }


def _pairs(dataset: RetrievalDataset, recorded: Mapping[str, pa.Table]) -> tuple[Pair, ...]:
    """Return the pairs for which every recorded set has a negative; without sets, all pairs."""
    known: set[Pair] | None = None
    for table in recorded.values():
        ids = (table[name].to_pylist() for name in ("query_id", "positive_id"))
        found = set(zip(*ids, strict=True))
        known = found if known is None else known & found
    train = dataset.positives("train")
    pairs = zip(train["query_id"].to_pylist(), train["doc_id"].to_pylist(), strict=True)
    found_pairs = tuple(pair for pair in pairs if known is None or pair in known)
    if not found_pairs:
        raise InputError(
            "no training pair has a negative in every recorded file",
            field="recorded",
            value=", ".join(recorded),
            remedy="name only files that were written for the training queries of this data set",
        )
    return found_pairs


def _smaller(dataset: RetrievalDataset, plan: StudyPlan, written: set[str]) -> RetrievalDataset:
    """Return a part of a data set in which everything can be tried in minutes."""
    splits = {}
    for split in ("train", "test"):
        ids = [one for one in dataset.query_ids(split) if split == "test" or one in written]
        drawn = generator_for(0, "study queries", split).permutation(len(ids)).tolist()
        kept = pa.array([ids[place] for place in drawn[: plan.queries]], pa.large_string())
        judged = dataset.judgements(split)
        splits[split] = judged.filter(pc.is_in(judged["query_id"], value_set=kept))
    wanted = {one for table in splits.values() for one in table["doc_id"].to_pylist()}
    order = generator_for(0, "study documents").permutation(dataset.corpus.num_rows)
    rows = set(dataset.document_rows(sorted(wanted)).tolist())
    for row in order.tolist():
        if plan.documents is None or len(rows) >= plan.documents:
            break
        rows.add(row)
    corpus = dataset.corpus
    if plan.documents is not None:
        corpus = corpus.take(np.array(sorted(rows)))
    return replace(
        RetrievalDataset(dataset.name, corpus, dataset.queries, splits), notes=dataset.notes
    )


def _fill_pool(
    ground: Ground, recorded: Mapping[str, pa.Table], plan: StudyPlan, progress: Progress
) -> None:
    mark = ground.folder / "pool.json"
    if mark.is_file() and read_json(mark) == ground.fingerprint:
        return
    dataset, encoder, vectors = ground.dataset, ground.encoder, ground.vectors
    mined = []
    sources = (
        BM25Source(plan.depth),
        DenseSource(encoder, vectors, plan.depth),
        RandomSource(_FILL),
    )
    with progress.task("negatives", total=len(sources) + len(recorded)) as task:
        for source in sources:
            table = add_similarities(source.propose(dataset, "train"), dataset, encoder, vectors)
            ground.pool.write_negatives(source.name, table)
            mined.append(table)
            task.advance()
        for name, table in recorded.items():
            table = add_similarities(table, dataset, encoder, vectors)
            ground.pool.write_negatives(name, table)
            gates = judge_synthetic(table, dataset, GateOptions(), split="train")
            ground.pool.write_verdicts(name, gates)
            task.advance()
    everything = pa.concat_tables(mined)
    verdicts = false_negative_verdicts(
        everything,
        positive_similarity=positive_similarities(everything, dataset, encoder, vectors),
        percentage=plan.percentage_of_positive,
    )
    ground.pool.write_verdicts("mined", verdicts)
    write_json(mark, ground.fingerprint)
