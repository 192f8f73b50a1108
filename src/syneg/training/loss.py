"""The loss as sentence-transformers' trainer calls it: texts of a batch in, one number out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from syneg.training.objective import (
    Candidates,
    contrastive_loss,
    distillation,
    entropy_balance,
    gradient_share,
)
from syneg.training.options import LossOptions


@dataclass(frozen=True)
class TextRoles:
    """What the loss must know of texts beside their words; n texts, named by their number.

    Equal texts have one number, whatever their ids.

    Attributes:
        generated: Which texts a language model wrote as negatives, shape (n,).
        weight: Weight of each as a negative, shape (n,), at least 0.
        relevant: For each query (by its text's number) the numbers of its relevant texts.
        starting: Vectors under the starting model, shape (n, dimensions), for distillation;
            None without it.
    """

    generated: npt.NDArray[np.bool_]
    weight: npt.NDArray[np.float32]
    relevant: dict[int, frozenset[int]]
    starting: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Batch:
    """The texts of a batch by their numbers; b queries, c texts.

    Attributes:
        queries: Shape (b,).
        texts: Shape (c,); the first b are the positives, in the queries' order.
        owners: The place of the query whose instance each text belongs to, shape (c,).
    """

    queries: npt.NDArray[np.int64]
    texts: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]

    @classmethod
    def of_columns(cls, numbers: npt.NDArray[np.int64]) -> Batch:
        """Return the batch of a label, shape (b, 2 + k), whose columns come one after the other.

        Example:
            >>> batch = Batch.of_columns(np.array([[0, 2, 4], [1, 3, 5]]))
            >>> batch.texts.tolist(), batch.owners.tolist()
            ([2, 3, 4, 5], [0, 1, 0, 1])
        """
        owners = np.tile(np.arange(len(numbers)), numbers.shape[1] - 1)
        return cls(numbers[:, 0], numbers[:, 1:].T.reshape(-1), owners)


class NegativesLoss(torch.nn.Module):  # type: ignore[misc]
    """Contrastive loss that knows where each negative came from.

    Where every negative is retrieved and no option is set it equals sentence-transformers'
    MultipleNegativesRankingLoss, except that a text known to be relevant to a query is
    never its negative.

    Args:
        model: The `SentenceTransformer` in training.
        roles: What the texts are.
        options: What is asked of which negative.
        temperature: τ.

    Inputs:
        Columns anchor, positive, negative_1 … negative_k, and as label the numbers of
        these texts, shape (batch, 2 + k).
    """

    def __init__(
        self, model: Any, roles: TextRoles, options: LossOptions, temperature: float
    ) -> None:
        super().__init__()
        self.model = model
        self.roles = roles
        self.options = options
        self.temperature = temperature
        # Read here: in training on several GPUs the model comes wrapped.
        self._to_length_one = model is not None and model.similarity_fn_name != "dot"
        self.done = 0.0
        """Share of training that is done, in [0, 1]; set by the trainer's callback."""
        self.step = 0
        """Steps that are done; set likewise."""
        self.observed: defaultdict[str, list[float]] = defaultdict(list)
        """What was seen since the last log line, by name."""

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss of a batch."""
        vectors = [self._encode(one) for one in sentence_features]
        batch = Batch.of_columns(labels.cpu().numpy())
        return self._loss(vectors[0], torch.cat(vectors[1:]), batch)

    def _encode(self, features: dict[str, Tensor]) -> Tensor:
        vectors = self.model(features)["sentence_embedding"].float()
        # As they are compared after training: cut to the model's dimensions, then scaled.
        vectors = vectors[:, : self.model.truncate_dim]
        return torch.nn.functional.normalize(vectors, dim=1) if self._to_length_one else vectors

    def _loss(self, queries: Tensor, texts: Tensor, batch: Batch) -> Tensor:
        """Return the loss of vectors, shapes (b, dimensions) and (c, dimensions)."""
        candidates = self._candidates_of(batch, texts.device)
        if self.options.without_source_direction:
            queries, texts = _without_direction(queries, texts, candidates)
        similarities = queries @ texts.T
        loss = contrastive_loss(
            similarities, candidates, self.temperature, self.options, factor=self.factor
        )
        if self.options.entropy_balance:
            moving = torch.where(candidates.generated[:, None], texts, texts.detach())
            balance = entropy_balance(queries.detach() @ moving.T, candidates, self.options)
            loss = loss + self.options.entropy_balance * balance
        if self.options.distillation:
            starting = self._starting(batch, texts)
            divergence = distillation(similarities, starting, self.temperature)
            loss = loss + self.options.distillation * divergence
        self._observe(similarities.detach(), candidates)
        return loss

    @property
    def factor(self) -> float:
        """What the schedule makes of the synthetic negatives' weight now, in [0, 1]."""
        if self.options.schedule == "falling":
            return 1.0 - self.done
        return self.done if self.options.schedule == "rising" else 1.0

    def _candidates(self, numbers: npt.NDArray[np.int64], device: torch.device) -> Candidates:
        """Say what the texts of a label's columns are."""
        return self._candidates_of(Batch.of_columns(numbers), device)

    def _candidates_of(self, batch: Batch, device: torch.device) -> Candidates:
        """Say what the texts of a batch are."""
        texts, count = batch.texts, len(batch.queries)
        own = batch.owners[None, :] == np.arange(count)[:, None]
        relevant = np.zeros_like(own)
        for row, query in enumerate(batch.queries.tolist()):
            # The own positive is named too: another instance may have it as a negative.
            known = {*self.roles.relevant.get(query, ()), int(texts[row])}
            relevant[row] = np.isin(texts, list(known))
        # Numbers beyond the examples' are those of documents that were retrieved in this step.
        named = np.minimum(texts, len(self.roles.generated) - 1)
        beyond = texts >= len(self.roles.generated)
        treated = self.roles.generated[named] & ~beyond
        weight = np.where(beyond, np.float32(1), self.roles.weight[named])
        if self.options.applies_to == "hard":
            treated = np.arange(len(texts)) >= count  # All but the positives.
        return Candidates(
            own=torch.from_numpy(own).to(device),
            relevant=torch.from_numpy(relevant).to(device),
            generated=torch.from_numpy(treated).to(device),
            weight=torch.from_numpy(weight).to(device),
        )

    def _starting(self, batch: Batch, texts: Tensor) -> Tensor:
        if self.roles.starting is None:
            raise ValueError("distillation needs the starting model's vectors")
        queries = self.roles.starting[batch.queries]
        documents = self.roles.starting[batch.texts]
        return torch.from_numpy(queries @ documents.T).to(texts.device)

    def _observe(self, similarities: Tensor, candidates: Candidates) -> None:
        """Keep what the study's instruments read from the training log."""
        if not bool(candidates.generated.any()):
            return
        share = gradient_share(similarities, candidates, self.temperature, self.options)
        self.observed["synthetic_gradient_share"].append(share)
        positive = similarities[:, : similarities.shape[0]].diagonal()
        own = candidates.own & candidates.generated
        gaps = (positive[:, None] - similarities)[own]
        if gaps.numel():
            self.observed["synthetic_gap"].append(float(gaps.mean()))

    def read_observed(self) -> dict[str, float]:
        """Return the means since the last call, and begin anew."""
        means = {name: float(np.mean(values)) for name, values in self.observed.items()}
        self.observed.clear()
        return means


def _without_direction(
    queries: Tensor, texts: Tensor, candidates: Candidates
) -> tuple[Tensor, Tensor]:
    """Cut the gradient along the direction from retrieved to synthetic negatives."""
    retrieved = ~candidates.generated
    retrieved[: queries.shape[0]] = False  # Positives are no negatives.
    if not bool(candidates.generated.any()) or not bool(retrieved.any()):
        return queries, texts
    with torch.no_grad():
        direction = texts[candidates.generated].mean(dim=0) - texts[retrieved].mean(dim=0)
        direction = torch.nn.functional.normalize(direction, dim=0)

    def cut(vectors: Tensor) -> Tensor:
        along = (vectors @ direction)[:, None] * direction
        return vectors - along + along.detach()

    return cut(queries), cut(texts)
