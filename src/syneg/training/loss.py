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
        self.observed: defaultdict[str, list[float]] = defaultdict(list)
        """What was seen since the last log line, by name."""

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss of a batch."""
        vectors = [self.model(one)["sentence_embedding"].float() for one in sentence_features]
        if self._to_length_one:
            vectors = [torch.nn.functional.normalize(one, dim=1) for one in vectors]
        queries, texts = vectors[0], torch.cat(vectors[1:])
        numbers = labels.cpu().numpy()
        candidates = self._candidates(numbers, texts.device)
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
            starting = self._starting(numbers, texts)
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
        """Say what the texts of a batch are; columns come one after the other."""
        texts = numbers[:, 1:].T.reshape(-1)
        instance = np.tile(np.arange(len(numbers)), numbers.shape[1] - 1)
        own = instance[None, :] == np.arange(len(numbers))[:, None]
        relevant = np.zeros_like(own)
        for row, query in enumerate(numbers[:, 0].tolist()):
            # The own positive is named too: another instance may have it as a negative.
            known = {*self.roles.relevant.get(query, ()), int(numbers[row, 1])}
            relevant[row] = np.isin(texts, list(known))
        treated = self.roles.generated[texts]
        if self.options.applies_to == "hard":
            treated = np.arange(len(texts)) >= len(numbers)  # All but the positives.
        return Candidates(
            own=torch.from_numpy(own).to(device),
            relevant=torch.from_numpy(relevant).to(device),
            generated=torch.from_numpy(treated).to(device),
            weight=torch.from_numpy(self.roles.weight[texts]).to(device),
        )

    def _starting(self, numbers: npt.NDArray[np.int64], texts: Tensor) -> Tensor:
        if self.roles.starting is None:
            raise ValueError("distillation needs the starting model's vectors")
        queries = self.roles.starting[numbers[:, 0]]
        documents = self.roles.starting[numbers[:, 1:].T.reshape(-1)]
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
