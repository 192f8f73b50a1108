"""The loss that looks at the top of the list."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from syneg.training.objective import Candidates, contrastive_loss, lambda_loss
from syneg.training.options import LossOptions
from training.test_loss import batch, similarities


@given(similarities, st.lists(st.booleans(), min_size=12, max_size=12))
def test_lambda_loss_weighs_pairs_by_the_change_of_the_reciprocal_rank(
    scores: torch.Tensor, chosen: list[bool]
) -> None:
    negatives = torch.tensor(chosen).reshape(2, 6)
    negatives[:, :2] = False
    weight = torch.tensor([1.0, 1.0, 0.5, 1.0, 2.0, 1.0])
    found = lambda_loss(scores / 0.1, negatives, weight)
    for row in range(2):
        logits = scores[row].double().numpy() / 0.1
        names = [row, *np.flatnonzero(negatives[row].numpy()).tolist()]
        # Best first; among equals the positive, then the order of the columns.
        order = sorted(names, key=lambda name: (-scores[row, name].item(), name != row, name))
        rank = {name: place for place, name in enumerate(order, start=1)}
        expected = sum(
            abs(1 / rank[row] - 1 / rank[name])
            * float(weight[name])
            * np.logaddexp(0, logits[name] - logits[row])
            for name in names[1:]
        )
        assert float(found[row]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_lambda_losss_gradient_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(2, 6, generator=generator, dtype=torch.float64) * 4 - 2
    options = LossOptions(retrieved="lambda", in_batch="none")
    candidates = batch()
    wide = Candidates(
        candidates.own, candidates.relevant, candidates.generated, candidates.weight.double()
    )
    value = scores.clone().requires_grad_()
    contrastive_loss(value, wide, 0.5, options).backward()
    assert value.grad is not None
    for row in range(2):
        for column in range(6):
            step = torch.zeros_like(scores)
            step[row, column] = 1e-6
            up, down = (
                float(contrastive_loss(scores + way * step, wide, 0.5, options)) for way in (1, -1)
            )
            assert float(value.grad[row, column]) == pytest.approx((up - down) / 2e-6, abs=1e-5)


def test_with_lambda_loss_retrieved_negatives_leave_the_softmax() -> None:
    scores = torch.zeros(2, 6)
    alone = contrastive_loss(scores, batch(), 0.5, LossOptions(in_batch="none", term_weight=0))
    ranked = contrastive_loss(
        scores, batch(), 0.5, LossOptions(in_batch="none", term_weight=0, retrieved="lambda")
    )
    assert float(alone) == pytest.approx(np.log(2))
    assert float(ranked) == pytest.approx(np.log(2) / 2)
