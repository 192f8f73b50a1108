"""A small corpus to retrieve from while training, shared by the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.encoder import SentenceEncoder, load_encoder
from syneg.encoders.store import encode_corpus
from syneg.mining.rules import parse_rules
from syneg.mixing.mixer import INSTANCE_SCHEMA
from syneg.negatives.record import Negative, to_table
from syneg.progress import SilentProgress, Task
from syneg.training.examples import TrainingExamples, training_examples
from syneg.training.options import TrainingOptions
from syneg.training.retrieval import REFUSED_SCHEMA, Retrieval
from syneg.training.trainer import TrainingResult, train

ANIMALS = ["cat", "dog", "cow", "bee", "owl", "ant", "fox", "eel"]
DOCUMENTS = [
    document
    for number, name in enumerate(ANIMALS)
    for document in (
        (f"eats-{name}", "", f"The {name} eats a leaf of number {number}."),
        (f"sleeps-{name}", "", f"The {name} sleeps under tree {number}."),
        (f"runs-{name}", "", f"The {name} runs across field {number}."),
    )
]
# Word for word what is relevant to the first query, and the same with other signs.
COPIES = [("copy", "", DOCUMENTS[0][2]), ("shouted", "", DOCUMENTS[0][2].upper() + "!")]
DATA = RetrievalDataset.from_rows(
    "animals",
    corpus=[*DOCUMENTS, *COPIES],
    queries=[(name, f"What does the {name} eat?") for name in ANIMALS],
    qrels={"train": [(name, f"eats-{name}", 1) for name in ANIMALS]},
)


def retrieval(folder: Path, *rules: str, model: str = "minilm", **changes: Any) -> Retrieval:
    """Return instances with one synthetic negative and two retrieved ones of other animals."""
    pool, rows = [], []
    for number, name in enumerate(ANIMALS):
        common = {"query_id": name, "positive_id": f"eats-{name}"}
        pool.append(
            Negative(negative_id=f"n-{name}", source="llm", text=f"A {name} drinks.", **common)
        )
        others = [f"runs-{ANIMALS[(number + far) % len(ANIMALS)]}" for far in (2, 3)]
        pool += [
            Negative(
                negative_id=f"{name}-{doc_id}", source="bm25", doc_id=doc_id, rank=rank, **common
            )
            for rank, doc_id in enumerate(others, start=1)
        ]
        rows.append(
            {
                **common,
                "negative_ids": [f"n-{name}", *(f"{name}-{one}" for one in others)],
                "sources": ["llm", "bm25", "bm25"],
            }
        )
    encoder = load_encoder(model)
    vectors = encode_corpus(
        encoder, DATA.document_texts, DATA.corpus.num_rows, folder / "vectors", SilentProgress()
    )
    made = Retrieval(
        pa.Table.from_pylist(rows, schema=INSTANCE_SCHEMA),
        to_table(pool),
        DATA,
        "train",
        vectors,
        partial(training_examples, dataset=DATA, split="train"),
        rules=parse_rules(rules),
        window=2,
    )
    return replace(made, **changes)


def refused(*pairs: tuple[str, str]) -> pa.Table:
    """Return pairs that a judge refused."""
    rows = [{"query_id": query, "doc_id": document} for query, document in pairs]
    return pa.Table.from_pylist(rows, schema=REFUSED_SCHEMA)


def texts(made: Retrieval) -> TrainingExamples:
    """Return the texts of the mixture."""
    return made.examples(made.instances, made.negatives)


def tune(
    made: Retrieval | None,
    folder: Path,
    *,
    examples: TrainingExamples | None = None,
    model: str = "minilm",
    progress: Any = None,
    score: Any = None,
    **changes: Any,
) -> tuple[SentenceEncoder, TrainingResult]:
    """Train on these instances, two steps an epoch."""
    encoder = load_encoder(model)
    options = {"epochs": 2, "batch_size": 4, "learning_rate": 1e-4, "max_length": 16, **changes}
    result = train(
        encoder.model,
        examples or texts(made),
        TrainingOptions(**options),
        folder,
        development_score=score,
        progress=progress or SilentProgress(),
        seed=3,
        starting=load_encoder(model),
        retrieval=made,
    )
    return encoder, result


class StopsAt(SilentProgress):
    """Shows nothing, and ends the work when a task has advanced so often."""

    def __init__(self, name: str, count: int) -> None:
        self.name = name
        self.left = count

    @contextmanager
    def task(self, name: str, total: float | None, done: float = 0) -> Iterator[Task]:
        """Open a task that may end the work."""
        yield _Stopping(self if name == self.name else None)


class _Stopping:
    def __init__(self, owner: StopsAt | None) -> None:
        self.owner = owner

    def advance(self, count: float = 1) -> None:
        if self.owner is not None:
            self.owner.left -= 1
            if self.owner.left <= 0:
                raise InterruptedError

    def describe(self, text: str) -> None:
        pass


def near(encoder: SentenceEncoder) -> np.ndarray:
    """Return the similarity of every query to every document, shape (queries, documents)."""
    queries = encoder.encode_queries(DATA.query_texts(ANIMALS))
    return queries @ encoder.encode_documents(DATA.document_texts(range(DATA.corpus.num_rows))).T
