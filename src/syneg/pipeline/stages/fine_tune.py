"""The stage that trains."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import Precision, SentenceEncoder, Vectors
from syneg.encoders.locate import locate_model
from syneg.encoders.store import VectorStore, encode_in_pieces
from syneg.evaluation.metrics import PRIMARY, averages, per_query_metrics
from syneg.evaluation.retrieve import retrieve
from syneg.files import file_hash, read_json, remove_tree, value_hash, write_json
from syneg.mining.references import Reference
from syneg.mining.rules import parse_rules
from syneg.mining.siblings import source_documents
from syneg.pipeline.chosen import chosen_training
from syneg.pipeline.run import Run
from syneg.pipeline.stages.judge import read_mixture
from syneg.seeding import generator_for
from syneg.training.examples import training_examples
from syneg.training.options import TrainingOptions
from syneg.training.preparation import training_precision, weight_hashes
from syneg.training.retrieval import Retrieval, refused_pairs
from syneg.training.trainer import train as train_model

_MOST_DOCUMENTS = 20_000
_NEAREST = 50


def train(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Fine-tune the starting model on the mixture; the best epoch's model is kept."""
    config = run.config
    options = chosen_training(run)
    retrieves = options.refresh != "none" or options.trains_queries_only
    retrieval = _retrieval(run) if retrieves else None
    folder = _training_folder(run, retrieval)
    examples = training_examples(
        read_mixture(run), run.pool.negatives(), run.dataset, split=config.dataset.train
    )
    model = starting_model(run)
    precision = Precision(training_precision(options, model.device.type))
    development = DevelopmentScore(run, precision)
    result = train_model(
        model,
        examples,
        options,
        folder,
        development_score=development,
        progress=run.progress,
        seed=config.seed,
        starting=run.encoder,
        retrieval=retrieval,
    )
    best = [path for path in (folder / "best").rglob("*") if path.is_file()]
    refreshed = sorted(folder.glob("refresh-*.parquet"))
    return {
        **result.summary(),
        "development_documents": len(development.rows),
        "columns": examples.table.column_names,
    }, [folder / "history.json", *best, *refreshed]


def starting_model(run: Run) -> Any:
    """Return the starting model loaded anew: the run's own encoder must not be trained."""
    folder = locate_model(run.config.model.location, offline=run.config.offline)
    return run.load_encoder(str(folder)).model


def tuned_vectors(run: Run, encoder: SentenceEncoder) -> VectorStore:
    """Return the corpus under the tuned model.

    Where only the query side was trained, its documents' side is the starting model, whose
    vectors there are: nothing is encoded.
    """
    if chosen_training(run).trains_queries_only:
        return run.vectors
    return run.encode_with(encoder)


def _retrieval(run: Run) -> Retrieval:
    """Return what negatives are retrieved from, under the rules of what was mined before."""
    config, negatives = run.config, run.pool.negatives()
    return Retrieval(
        instances=read_mixture(run),
        negatives=negatives,
        dataset=run.dataset,
        split=config.dataset.train,
        vectors=run.vectors,
        examples=partial(training_examples, dataset=run.dataset, split=config.dataset.train),
        rules=parse_rules(config.mining.select),
        reference=Reference(config.mining.reference),
        near_duplicate=config.mining.near_duplicate,
        window=config.mixing.window,
        refused=refused_pairs(negatives, run.pool.verdicts()),
        siblings=None
        if config.mining.siblings
        else source_documents(config.dataset.location, run.dataset),
    )


def _training_folder(run: Run, retrieval: Retrieval | None) -> Path:
    """Return the folder of checkpoints, emptied if they are damaged or of another mixture."""
    folder, options = run.folder / "training", chosen_training(run)
    inputs = {
        "mixture": file_hash(run.folder / "mixture.parquet"),
        "options": options.model_dump(mode="json", exclude={"checkpoint_seconds"}),
        "seed": run.config.seed,
        "max_length": run.config.model.max_length,
        "facts": run.manifest.facts,
    }
    if retrieval is not None and options.refresh != "none":
        inputs["retrieval"] = [
            [rule.text for rule in retrieval.rules],
            retrieval.reference.value,
            retrieval.near_duplicate,
            retrieval.window,
            value_hash(sorted(retrieval.refused.to_pylist(), key=str)),
        ]
    mark = folder / "inputs.json"
    best = folder / "best"
    damaged = best.is_dir() and read_json(folder / "best.json") != weight_hashes(best)
    if damaged or not mark.is_file() or _with_all_options(read_json(mark)) != inputs:
        remove_tree(folder)
        write_json(mark, inputs)
    return folder


def _with_all_options(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return inputs that an earlier version wrote with the options that came since."""
    since = TrainingOptions().model_dump(mode="json", exclude={"checkpoint_seconds"})
    known = inputs["options"]
    loss = {**since["loss"], **known.get("loss", {})}
    return {**inputs, "options": {**since, **known, "loss": loss}}


class DevelopmentScore:
    """Scores a model on the development split, over a bounded part of the corpus.

    A corpus of no more than `documents` is searched whole. Of a larger one: the development
    queries' positives, the documents nearest to them under the starting model, and others
    drawn at random. The figure only compares epochs or candidates with each other; the choice
    between starting and tuned model is made on the whole corpus. Where only the query side is
    trained, documents keep the starting model's vectors.

    Args:
        run: The run.
        precision: In which numbers to encode.
        documents: How many documents are searched; more only where the nearest are more.
        nearest: So many nearest documents of each development query are among them.
        queries: At most so many development queries, drawn at random; None takes all.
    """

    def __init__(
        self,
        run: Run,
        precision: Precision,
        *,
        documents: int = _MOST_DOCUMENTS,
        nearest: int = _NEAREST,
        queries: int | None = None,
    ) -> None:
        self.split = run.config.dataset.development
        self.precision = precision
        self.progress = run.progress
        dataset = _with_queries(run, self.split, queries)
        self.rows = _document_rows(run, dataset, self.split, documents, nearest)
        self.dataset = RetrievalDataset(
            dataset.name,
            dataset.corpus.take(self.rows),
            dataset.queries,
            {self.split: dataset.judgements(self.split)},
        )
        stays = run.config.training.trains_queries_only
        self._stored = run.vectors.take(self.rows) if stays else None

    def __call__(self, model: Any) -> float:
        """Return nDCG@10 of a model on the development split."""
        return averages(self.per_query(model))[PRIMARY]

    def per_query(self, model: Any) -> pa.Table:
        """Return a model's metrics on every development query, from its first ten documents.

        Returns:
            Columns of `PER_QUERY_SCHEMA`.
        """
        encoder = SentenceEncoder(model, fingerprint="", precision=self.precision)
        if self._stored is not None:
            return self._measure(encoder, self._stored)
        total = self.dataset.corpus.num_rows
        texts = self.dataset.document_texts(range(total))
        with self.progress.task("development split", total=total) as task:
            vectors = encode_in_pieces(encoder, texts, task)
        return self._measure(encoder, vectors)

    def starting_per_query(self, run: Run) -> pa.Table:
        """Return the starting model's metrics; its vectors of the corpus are there already."""
        return self._measure(run.encoder, run.vectors.take(self.rows))

    def _measure(self, encoder: SentenceEncoder, vectors: Vectors) -> pa.Table:
        query_ids = self.dataset.query_ids(self.split)
        queries = encoder.encode_queries(self.dataset.query_texts(query_ids))
        found = retrieve(self.dataset, query_ids, queries, [(0, vectors)], depth=10)
        return per_query_metrics(self.dataset, self.split, found)


def _with_queries(run: Run, split: str, most: int | None) -> RetrievalDataset:
    """Return the run's data set with at most so many queries of a split, drawn at random."""
    dataset = run.dataset
    ids = dataset.query_ids(split)
    if most is None or len(ids) <= most:
        return dataset
    order = generator_for(run.config.seed, "development queries").permutation(len(ids))
    judged = dataset.judgements(split)
    drawn = pa.array([ids[place] for place in order[:most]], judged["query_id"].type)
    kept = judged.filter(pc.is_in(judged["query_id"], value_set=drawn))
    return replace(dataset, qrels={**dataset.qrels, split: kept})


def _document_rows(
    run: Run, dataset: RetrievalDataset, split: str, most: int, nearest: int
) -> list[int]:
    total = dataset.corpus.num_rows
    if total <= most:
        return list(range(total))
    query_ids = dataset.query_ids(split)
    queries = run.encoder.encode_queries(dataset.query_texts(query_ids))
    found = retrieve(dataset, query_ids, queries, run.vectors.blocks(), depth=nearest)
    wanted = {*dataset.document_rows(dataset.positives(split)["doc_id"]).tolist()}
    wanted |= {*dataset.document_rows(found["doc_id"]).tolist()}
    generator = generator_for(run.config.seed, "development documents")
    for row in generator.permutation(total).tolist():
        if len(wanted) >= most:
            break
        wanted.add(row)
    return sorted(wanted)
