"""Evaluating an encoder on one split of a data set."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import Encoder
from syneg.encoders.store import VectorStore
from syneg.evaluation.metrics import averages, per_query_metrics
from syneg.evaluation.retrieve import corpus_vectors, retrieve
from syneg.progress import Progress, SilentProgress


@dataclass(frozen=True)
class Evaluation:
    """What a model reached on one split.

    Attributes:
        split: The split.
        metrics: Mean of each metric in `syneg.evaluation.metrics.METRICS`, in [0, 1].
        per_query: Columns of `PER_QUERY_SCHEMA`.
        run: Columns of `RUN_SCHEMA`.
        documents: Size of the corpus that was searched.
        documents_too_long: Documents of which the model read only the beginning.
        queries_too_long: The same for queries.
        seconds: Wall-clock time, encoding included.
    """

    split: str
    metrics: dict[str, float]
    per_query: pa.Table
    run: pa.Table
    documents: int
    documents_too_long: int
    queries_too_long: int
    seconds: float

    def summary(self) -> dict[str, float | int]:
        """Return the figures that `syneg evaluate --json` prints."""
        return {
            **{name: round(value, 6) for name, value in self.metrics.items()},
            "queries": self.per_query.num_rows,
            "documents": self.documents,
            "documents_too_long": self.documents_too_long,
            "seconds": round(self.seconds, 2),
        }


def evaluate_split(
    dataset: RetrievalDataset, split: str, encoder: Encoder, vectors: VectorStore
) -> Evaluation:
    """Evaluate with the corpus already encoded, by exact search.

    Raises:
        InputError: There is no such split.
    """
    started = time.monotonic()
    query_ids = dataset.query_ids(split)
    texts = dataset.query_texts(query_ids)
    query_vectors = encoder.encode_queries(texts)
    run = retrieve(dataset, query_ids, query_vectors, vectors.blocks())
    per_query = per_query_metrics(dataset, split, run)
    return Evaluation(
        split=split,
        metrics=averages(per_query),
        per_query=per_query,
        run=run,
        documents=dataset.corpus.num_rows,
        documents_too_long=vectors.too_long,
        queries_too_long=encoder.count_too_long(texts),
        seconds=time.monotonic() - started,
    )


def evaluate(
    dataset: RetrievalDataset,
    encoder: Encoder,
    split: str = "test",
    *,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Encode a corpus, search it with a split's queries and measure the result.

    Args:
        dataset: The data set.
        encoder: The model, for example from `load_encoder`.
        split: The split whose queries are asked.
        cache: Folder that keeps the vectors for the next evaluation; None keeps nothing.
        progress: Shows how far the encoding is.

    Raises:
        InputError: There is no such split.

    Example:
        >>> from syneg.datasets.dataset import RetrievalDataset
        >>> from syneg.encoders.encoder import load_encoder
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr."), ("d2", "", "Bread is baked.")],
        ...     queries=[("q1", "Which animal purrs?")], qrels={"test": [("q1", "d1", 1)]})
        >>> evaluate(data, load_encoder("minilm")).metrics["ndcg@10"]
        1.0
    """
    dataset.judgements(split)  # A missing split is told before anything is encoded.
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="syneg-") as temporary:
        store = corpus_vectors(
            dataset,
            dataset.fingerprint(),
            encoder,
            cache or Path(temporary),
            progress or SilentProgress(),
        )
        result = evaluate_split(dataset, split, encoder, store)
    return replace(result, seconds=time.monotonic() - started)
