"""Training of the query side alone: documents are vectors that stay as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from syneg.encoders.contract import Encoder, Vectors
from syneg.encoders.store import VectorStore
from syneg.training.examples import LABEL, TrainingExamples
from syneg.training.loss import Batch, NegativesLoss, TextRoles
from syneg.training.options import LossOptions

Integers = npt.NDArray[np.int64]


class FixedVectors:
    """The starting model's vectors of the texts that are trained with.

    Documents' vectors are read from the store, so they are the very ones that an index holds;
    the other texts (synthetic negatives, rewrites, all where there is no store) are encoded once.

    Args:
        examples: The texts.
        starting: The starting model.
        store: The corpus under it; None encodes the documents too.
    """

    def __init__(
        self, examples: TrainingExamples, starting: Encoder, store: VectorStore | None = None
    ) -> None:
        self._store = store
        rows = examples.documents if store is not None else np.full(len(examples.texts), -1)
        self._rows = np.asarray(rows, np.int64)
        labels = np.array(examples.table[LABEL].to_pylist(), np.int64)
        used = np.unique(labels[:, 1:])
        encoded = used[self._rows[used] < 0]
        self._places = np.full(len(examples.texts), -1)
        self._places[encoded] = np.arange(len(encoded))
        texts = [examples.texts[number] for number in encoded.tolist()]
        self._own = starting.encode_documents(texts) if texts else None

    def take(self, numbers: Integers) -> Vectors:
        """Return the vectors of texts, shape (n, dimensions).

        Args:
            numbers: Numbers of texts that are a positive or a negative of some instance, or,
                where there is a store, the number of texts plus a corpus row.
        """
        count = len(self._rows)
        beyond = numbers >= count
        named = np.minimum(numbers, count - 1)
        rows = np.where(beyond, numbers - count, self._rows[named])
        stored = rows >= 0
        found = np.empty((len(numbers), self.dimensions), np.float32)
        if stored.any() and self._store is not None:
            found[stored] = self._store.take(rows[stored])
        if not stored.all():
            places = self._places[named[~stored]]
            if self._own is None or (places < 0).any():
                raise ValueError("a text is asked for that is no positive and no negative")
            found[~stored] = self._own[places]
        return found

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has."""
        if self._own is not None:
            return int(self._own.shape[1])
        return 0 if self._store is None else self._store.dimensions


class BatchSource(Protocol):
    """Says which texts the queries of a batch are held against."""

    def __call__(self, label: Integers, queries: Vectors, step: int) -> Batch:
        """Return the batch of a label, shape (b, 2 + k), given the queries' vectors at a step."""
        ...  # pragma: no cover

    def read_observed(self) -> dict[str, float]:
        """Return what was seen since the last call, by name."""
        ...  # pragma: no cover


class QuerySideLoss(NegativesLoss):
    """`NegativesLoss` of queries in training against documents that stay as they are.

    Args:
        model: The `SentenceTransformer` in training.
        roles: What the texts are; for distillation `starting` needs the queries' vectors only.
        options: What is asked of which negative.
        temperature: τ.
        documents: The texts' vectors.
        retriever: Chooses the texts of each batch; None takes the label's.

    Inputs:
        The column anchor, and as label the numbers of the instance's texts, (batch, 2 + k).
    """

    def __init__(
        self,
        model: Any,
        roles: TextRoles,
        options: LossOptions,
        temperature: float,
        documents: FixedVectors,
        retriever: BatchSource | None = None,
    ) -> None:
        super().__init__(model, roles, options, temperature)
        self.documents = documents
        self.retriever = retriever

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss of a batch."""
        (features,) = sentence_features
        queries = self._encode(features)
        label = labels.cpu().numpy()
        if self.retriever is None:
            batch = Batch.of_columns(label)
        else:
            batch = self.retriever(label, queries.detach().cpu().numpy(), self.step)
        texts = torch.from_numpy(self.documents.take(batch.texts)).to(queries.device)
        return self._loss(queries, texts, batch)

    def _encode(self, features: dict[str, Tensor]) -> Tensor:
        vectors = self.model(features)["sentence_embedding"].float()
        # As they are compared after training: cut, then scaled.
        vectors = vectors[:, : self.documents.dimensions]
        return torch.nn.functional.normalize(vectors, dim=1) if self._to_length_one else vectors

    def _starting(self, batch: Batch, texts: Tensor) -> Tensor:
        if self.roles.starting is None:
            raise ValueError("distillation needs the starting model's vectors")
        queries = torch.from_numpy(self.roles.starting[batch.queries]).to(texts.device)
        return queries @ texts.T

    def read_observed(self) -> dict[str, float]:
        """Return the means since the last call, and begin anew."""
        retrieved = {} if self.retriever is None else self.retriever.read_observed()
        return {**super().read_observed(), **retrieved}
