"""What the loss asks of each kind of negative."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from syneg.encoders.encoder import load_encoder
from syneg.training.loss import NegativesLoss, TextRoles
from syneg.training.objective import (
    Candidates,
    allowed_negatives,
    contrastive_loss,
    distillation,
    entropy_balance,
    gradient_share,
)
from syneg.training.options import LossOptions

COLUMNS = [
    ["Which animal purrs?", "Who barks?"],
    ["The cat purrs.", "The dog barks."],
    ["The cat sleeps.", "The dog runs."],
]
NUMBERS = torch.tensor([[0, 2, 4], [1, 3, 5]])


def roles(generated: tuple[int, ...] = (), **changes) -> TextRoles:
    mask = np.zeros(6, bool)
    mask[list(generated)] = True
    return TextRoles(mask, np.ones(6, np.float32), {0: frozenset({2}), 1: frozenset({3})})


def batch(generated: bool = True) -> Candidates:
    """Two queries with a positive, a retrieved and (if so) a generated negative each."""
    own = torch.tensor([[True, False] * 3, [False, True] * 3])
    relevant = torch.zeros(2, 6, dtype=torch.bool)
    relevant[0, 0] = relevant[1, 1] = True
    kind = torch.tensor([False] * 4 + [generated] * 2)
    return Candidates(own, relevant, kind, torch.ones(6))


similarities = st.lists(st.floats(-1, 1, width=32), min_size=12, max_size=12).map(
    lambda values: torch.tensor(values).reshape(2, 6)
)


def test_without_options_it_is_the_librarys_infonce() -> None:
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    encoder = load_encoder("minilm")
    theirs = MultipleNegativesRankingLoss(encoder.model, scale=1 / 0.05)
    ours = NegativesLoss(encoder.model, roles(), LossOptions(), 0.05)
    encoder.model.eval()
    with torch.no_grad():
        features = [encoder.model.preprocess(texts) for texts in COLUMNS]
        expected = float(theirs(features, None))
        value = float(ours([encoder.model.preprocess(texts) for texts in COLUMNS], NUMBERS))
    assert value == pytest.approx(expected, abs=1e-5)


@given(similarities)
def test_without_the_batch_it_is_the_papers_equation(scores: torch.Tensor) -> None:
    value = contrastive_loss(
        scores, batch(), 0.5, LossOptions(in_batch="none", synthetic="infonce")
    )
    exponents = np.exp(scores.numpy().astype(float) / 0.5)
    rows = [exponents[0, 0] / exponents[0, ::2].sum(), exponents[1, 1] / exponents[1, 1::2].sum()]
    assert float(value) == pytest.approx(-np.mean(np.log(rows)), abs=1e-4)


def test_who_is_a_negative_of_whom() -> None:
    both = batch()
    everything = allowed_negatives(both, LossOptions())
    assert everything[0].tolist() == [False, True, True, True, True, True]
    assert everything[1].tolist() == [True, False, True, True, True, True]
    own = allowed_negatives(both, LossOptions(in_batch="none"))
    assert own[0].tolist() == [False, False, True, False, True, False]
    positives = allowed_negatives(both, LossOptions(in_batch="positives"))
    assert positives[0].tolist() == [False, True, True, False, True, False]
    scope = allowed_negatives(both, LossOptions(synthetic_scope="query"))
    assert scope[0].tolist() == [False, True, True, True, True, False]


def test_a_relevant_text_is_no_negative_whichever_instance_brings_it() -> None:
    encoder = load_encoder("minilm")
    known = TextRoles(
        np.zeros(6, bool), np.ones(6, np.float32), {0: frozenset({2, 5}), 1: frozenset({3})}
    )
    loss = NegativesLoss(encoder.model, known, LossOptions(), 0.05)
    candidates = loss._candidates(NUMBERS.numpy(), torch.device("cpu"))
    assert allowed_negatives(candidates, LossOptions())[0].tolist() == [False, True, True, False]
    assert allowed_negatives(candidates, LossOptions())[1].tolist() == [True, False, True, True]


def test_what_is_said_of_synthetic_negatives_can_be_asked_of_all_hard_ones() -> None:
    for applies_to, expected in (("synthetic", [4]), ("hard", [4, 5])):
        loss = NegativesLoss(None, roles((4,)), LossOptions(applies_to=applies_to), 0.05)
        generated = loss._candidates(NUMBERS.numpy(), torch.device("cpu")).generated
        places = NUMBERS[:, 1:].T.reshape(-1)[generated].tolist()
        assert sorted(places) == expected


@given(similarities)
def test_a_graded_target_holds_a_synthetic_negative_at_its_share(scores: torch.Tensor) -> None:
    options = LossOptions(synthetic="graded", synthetic_share=0.2, in_batch="none")
    scores = scores.clone().requires_grad_()
    contrastive_loss(scores, batch(), 0.5, options).backward()
    own = scores.detach()[0, ::2] / 0.5
    share = float(torch.softmax(own, 0)[2])
    # dL/ds = (share - target) / τ, and the loss is the mean over two queries.
    assert float(scores.grad[0, 4]) == pytest.approx((share - 0.2) / 0.5 / 2, abs=1e-4)


@given(similarities)
def test_a_margin_asks_nothing_of_a_text_that_is_far_enough(scores: torch.Tensor) -> None:
    scores = scores.clone()
    scores[:, :2], scores[:, 4:] = 0.9, 0.5
    scores.requires_grad_()
    options = LossOptions(synthetic="margin", synthetic_margin=0.05)
    contrastive_loss(scores, batch(), 0.05, options).backward()
    assert float(scores.grad[:, 4:].abs().max()) == 0.0
    close = scores.detach().clone()
    close[:, 4:] = 0.88
    close.requires_grad_()
    contrastive_loss(close, batch(), 0.05, options).backward()
    assert float(close.grad[0, 4]) > 0 and float(close.grad[0, 5]) == 0.0


def test_ranked_pulls_a_synthetic_negative_above_other_queries_texts() -> None:
    scores = torch.zeros(2, 6)
    scores[0, 0] = scores[1, 1] = 1.0
    gradient = {}
    for name in ("infonce", "ranked"):
        given_scores = scores.clone().requires_grad_()
        contrastive_loss(given_scores, batch(), 0.1, LossOptions(synthetic=name)).backward()
        gradient[name] = float(given_scores.grad[0, 4])
    assert gradient["ranked"] < 0 < gradient["infonce"]


@given(similarities, st.sampled_from(["infonce", "graded", "margin", "ranked"]))
def test_without_synthetic_negatives_every_option_is_infonce(
    scores: torch.Tensor, synthetic: str
) -> None:
    plain = contrastive_loss(scores, batch(generated=False), 0.1, LossOptions())
    other = contrastive_loss(
        scores, batch(generated=False), 0.1, LossOptions(synthetic=synthetic), factor=0.5
    )
    assert float(other) == pytest.approx(float(plain), rel=1e-5)


@given(similarities)
def test_a_weight_of_nought_takes_synthetic_negatives_away(scores: torch.Tensor) -> None:
    value = contrastive_loss(
        scores, batch(), 0.5, LossOptions(synthetic="infonce", synthetic_weight=0)
    )
    kept = Candidates(*(part[..., :4] for part in vars(batch()).values()))
    expected = contrastive_loss(scores[:, :4], kept, 0.5, LossOptions())
    assert float(value) == pytest.approx(float(expected), abs=1e-3)


def test_entropy_balance_is_the_papers_formula() -> None:
    scores = torch.tensor([[0.9, 0.0, 0.3, 0.1, 0.5, 0.2], [0.0, 0.8, 0.1, 0.4, 0.2, 0.6]])
    value = entropy_balance(scores, batch(), LossOptions(entropy_temperature=0.1))
    rows = []
    for mined, generated in ((0.3, 0.5), (0.4, 0.6)):
        share = np.exp(generated / 0.1) / (np.exp(generated / 0.1) + np.exp(mined / 0.1))
        rows.append(share * np.log(share) + (share - 0.5) ** 2)
    assert float(value) == pytest.approx(np.mean(rows), abs=1e-6)


@given(similarities, similarities)
def test_distillation_is_nought_only_at_the_start(one: torch.Tensor, other: torch.Tensor) -> None:
    assert float(distillation(one, one, 0.1)) == pytest.approx(0, abs=1e-5)
    assert float(distillation(one, other, 0.1)) >= -1e-5


def test_the_gradients_share_of_synthetic_negatives() -> None:
    equal = torch.zeros(2, 6)
    assert gradient_share(equal, batch(), 0.1, LossOptions(in_batch="none")) == pytest.approx(0.5)
    assert gradient_share(equal, batch(generated=False), 0.1, LossOptions()) == 0.0


@pytest.mark.parametrize(
    ("schedule", "expected"), [("constant", 1.0), ("falling", 0.75), ("rising", 0.25)]
)
def test_the_weight_follows_the_schedule(schedule: str, expected: float) -> None:
    loss = NegativesLoss(None, roles(), LossOptions(schedule=schedule), 0.05)
    loss.done = 0.25
    assert loss.factor == expected


def test_nothing_is_learned_along_the_direction_of_the_source() -> None:
    from syneg.training.loss import _without_direction

    texts = torch.randn(6, 8, requires_grad=True)
    queries = torch.randn(2, 8, requires_grad=True)
    direction = (texts[4:].mean(0) - texts[2:4].mean(0)).detach()
    cut_queries, cut_texts = _without_direction(queries, texts, batch())
    torch.testing.assert_close(cut_texts, texts)
    (cut_queries @ cut_texts.T).square().sum().backward()
    for vectors in (queries, texts):
        assert float((vectors.grad @ direction).abs().max()) < 1e-3 * float(vectors.grad.norm())


@pytest.mark.parametrize("temperature", [0.01, 0.5])
def test_a_weight_of_nought_is_nought_at_any_temperature(temperature: float) -> None:
    scores = torch.zeros(2, 6)
    scores[:, 4:] = 0.9
    scores.requires_grad_()
    options = LossOptions(synthetic="infonce", synthetic_weight=0)
    contrastive_loss(scores, batch(), temperature, options).backward()
    assert float(scores.grad[:, 4:].abs().max()) == 0.0


def test_a_graded_text_that_counts_less_is_not_pulled_nearer() -> None:
    scores = torch.tensor([[0.6, 0.0, 0.4, 0.0, 0.55, 0.0], [0.0, 0.6, 0.0, 0.4, 0.0, 0.55]])
    for weight in (1.0, 0.05):
        given_scores = scores.clone().requires_grad_()
        weighted = Candidates(*list(vars(batch()).values())[:3], torch.full((6,), weight))
        options = LossOptions(synthetic="graded", in_batch="none")
        contrastive_loss(given_scores, weighted, 0.05, options).backward()
        assert float(given_scores.grad[0, 4]) > 0
