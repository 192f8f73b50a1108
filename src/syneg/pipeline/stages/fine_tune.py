"""The stage that trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import Precision, SentenceEncoder
from syneg.encoders.locate import locate_model
from syneg.encoders.store import encode_in_pieces
from syneg.evaluation.metrics import PRIMARY, averages, per_query_metrics
from syneg.evaluation.retrieve import retrieve
from syneg.files import file_hash, read_json, remove_tree, write_json
from syneg.pipeline.run import Run
from syneg.pipeline.stages.judge import read_mixture
from syneg.seeding import generator_for
from syneg.training.examples import training_table
from syneg.training.preparation import training_precision, weight_hashes
from syneg.training.trainer import train as train_model

_MOST_DOCUMENTS = 20_000
_NEAREST = 50


def train(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Fine-tune the starting model on the mixture; the best epoch's model is kept."""
    config = run.config
    folder = _training_folder(run)
    examples = training_table(read_mixture(run), run.pool.negatives(), run.dataset)
    # Loaded anew: the run's own encoder must stay the starting model.
    model = run.load_encoder(str(locate_model(config.model.location, offline=config.offline))).model
    precision = Precision(training_precision(config.training, model.device.type))
    development = DevelopmentScore(run, precision)
    result = train_model(
        model,
        examples,
        config.training,
        folder,
        development_score=development,
        progress=run.progress,
        seed=config.seed,
    )
    best = [path for path in (folder / "best").rglob("*") if path.is_file()]
    return {
        **result.summary(),
        "development_documents": len(development.rows),
        "columns": examples.column_names,
    }, [folder / "history.json", *best]


def _training_folder(run: Run) -> Path:
    """Return the folder of checkpoints, emptied if they are damaged or of another mixture."""
    folder = run.folder / "training"
    inputs = {
        "mixture": file_hash(run.folder / "mixture.parquet"),
        "options": run.config.training.model_dump(mode="json", exclude={"checkpoint_seconds"}),
        "seed": run.config.seed,
        "max_length": run.config.model.max_length,
        "facts": run.manifest.facts,
    }
    mark = folder / "inputs.json"
    best = folder / "best"
    damaged = best.is_dir() and read_json(folder / "best.json") != weight_hashes(best)
    if damaged or not mark.is_file() or read_json(mark) != inputs:
        remove_tree(folder)
        write_json(mark, inputs)
    return folder


class DevelopmentScore:
    """Scores a model on the development split, over a bounded part of the corpus.

    Up to 20,000 documents the whole corpus is searched. Of a larger one: the development
    queries' positives, the documents nearest to them under the starting model, and others
    drawn at random. The figure only compares epochs with each other; the choice between
    starting and tuned model is made on the whole corpus.

    Args:
        run: The run.
        precision: In which numbers to encode.
    """

    def __init__(self, run: Run, precision: Precision) -> None:
        self.split = run.config.dataset.development
        self.precision = precision
        self.progress = run.progress
        self.rows = _document_rows(run, self.split)
        dataset = run.dataset
        self.dataset = RetrievalDataset(
            dataset.name,
            dataset.corpus.take(self.rows),
            dataset.queries,
            {self.split: dataset.judgements(self.split)},
        )

    def __call__(self, model: Any) -> float:
        """Return nDCG@10 of a model on the development split."""
        encoder = SentenceEncoder(model, fingerprint="", precision=self.precision)
        total = self.dataset.corpus.num_rows
        texts = self.dataset.document_texts(range(total))
        with self.progress.task("development split", total=total) as task:
            vectors = encode_in_pieces(encoder, texts, task)
        query_ids = self.dataset.query_ids(self.split)
        queries = encoder.encode_queries(self.dataset.query_texts(query_ids))
        found = retrieve(self.dataset, query_ids, queries, [(0, vectors)], depth=10)
        return averages(per_query_metrics(self.dataset, self.split, found))[PRIMARY]


def _document_rows(run: Run, split: str) -> list[int]:
    dataset = run.dataset
    total = dataset.corpus.num_rows
    if total <= _MOST_DOCUMENTS:
        return list(range(total))
    query_ids = dataset.query_ids(split)
    queries = run.encoder.encode_queries(dataset.query_texts(query_ids))
    found = retrieve(dataset, query_ids, queries, run.vectors.blocks(), depth=_NEAREST)
    wanted = {*dataset.document_rows(dataset.positives(split)["doc_id"]).tolist()}
    wanted |= {*dataset.document_rows(found["doc_id"]).tolist()}
    generator = generator_for(run.config.seed, "development documents")
    for row in generator.permutation(total).tolist():
        if len(wanted) >= _MOST_DOCUMENTS:
            break
        wanted.add(row)
    return sorted(wanted)
