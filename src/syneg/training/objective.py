"""InfoNCE and its remedies for synthetic negatives, as functions of similarities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from syneg.training.options import LossOptions

_LEAST_WEIGHT = 1e-30
"""Keeps the logarithm finite where a text of weight 0 is masked anyway."""


@dataclass(frozen=True)
class Candidates:
    """The texts of a batch as candidates of its queries; b queries, c texts.

    The first b texts are the positives, in the queries' order.

    Attributes:
        own: Which texts belong to the query's own instance, shape (b, c), bool.
        relevant: Which are known to be relevant to the query, its own positive included,
            shape (b, c), bool. A relevant text is never a negative.
        generated: Which are synthetic negatives, shape (c,), bool.
        weight: Weight of each text as a negative, shape (c,), at least 0.
    """

    own: Tensor
    relevant: Tensor
    generated: Tensor
    weight: Tensor


def allowed_negatives(candidates: Candidates, options: LossOptions) -> Tensor:
    """Tell which candidates are negatives of which query, shape (b, c), bool."""
    own, generated = candidates.own, candidates.generated
    count = own.shape[0]
    if options.in_batch == "all":
        allowed = torch.ones_like(own)
    else:
        allowed = own.clone()
        if options.in_batch == "positives":
            allowed[:, :count] = True
    if options.synthetic_scope == "query":
        allowed &= own | ~generated
    return allowed & ~candidates.relevant


def contrastive_loss(
    similarities: Tensor,
    candidates: Candidates,
    temperature: float,
    options: LossOptions,
    *,
    factor: float = 1.0,
) -> Tensor:
    """Return the mean loss of a batch.

    With s the similarities, τ the temperature, D the allowed negatives and w their weights,
    "infonce" is -log exp(s⁺/τ) / (exp(s⁺/τ) + Σ_D w exp(s/τ)): equation 5 of SyNeg (arXiv
    2412.17250) when `in_batch` is "none" and all weights are 1.

    - "graded" is the cross entropy of the same softmax against a target that gives
      `synthetic_share` to the query's own synthetic negatives and the rest to the positive.
      The gradient of a synthetic negative is its share minus its target: it is pushed away
      only until it holds its target. List-wise targets over levels: SyCL, arXiv 2503.23239.
    - "margin" takes synthetic negatives out of the softmax and adds
      `term_weight` · max(0, margin - (s⁺ - s)) / τ for the query's own.
    - "ranked" adds `term_weight` · -log of the own synthetic negatives' share among
      themselves and the texts of other instances.
    - Under `retrieved` "lambda" the query's own retrieved negatives leave the softmax, and
      `lambda_loss` is added.

    Args:
        similarities: Query by text, shape (b, c).
        candidates: What the texts are.
        temperature: τ, above 0.
        options: What is asked of which negative.
        factor: Multiplies the synthetic negatives' weight now, in [0, 1].

    Example:
        >>> candidates = Candidates(
        ...     own=torch.tensor([[True, True]]), relevant=torch.tensor([[True, False]]),
        ...     generated=torch.tensor([False, True]), weight=torch.ones(2))
        >>> similarities, options = torch.tensor([[0.5, 0.5]]), LossOptions(synthetic="infonce")
        >>> float(contrastive_loss(similarities, candidates, 0.05, options).exp())
        2.0
    """
    count = similarities.shape[0]
    logits = similarities / temperature
    synthetic_weight = candidates.weight * factor * options.synthetic_weight
    weight = torch.where(candidates.generated, synthetic_weight, candidates.weight)
    allowed = allowed_negatives(candidates, options) & (weight > 0)
    own_generated = candidates.own & candidates.generated & allowed
    logged = weight.clamp(min=_LEAST_WEIGHT).log()
    positive = torch.zeros_like(allowed)
    positive[:, :count] = torch.eye(count, dtype=torch.bool, device=logits.device)
    in_softmax = allowed if options.synthetic != "margin" else allowed & ~candidates.generated
    own_retrieved = candidates.own & ~candidates.generated & allowed
    if options.retrieved == "lambda":
        in_softmax = in_softmax & ~own_retrieved
    weighted = torch.where(positive, logits, logits + logged)
    shares = functional.log_softmax(_only(weighted, in_softmax | positive), dim=1)
    target = positive.float()
    if options.synthetic == "graded":
        given = options.synthetic_share * factor
        # What counts less is also held less high: its logit carries the same weight.
        held = own_generated * weight.clamp(max=1)
        number = own_generated.sum(dim=1, keepdim=True)
        spread = given * held / number.clamp(min=1)
        target = target * (1 - spread.sum(dim=1, keepdim=True)) + spread
    loss = -(target * shares.masked_fill(target == 0, 0.0)).sum(dim=1)
    strength = options.term_weight * factor
    if options.synthetic == "margin":
        gap = logits[:, :count].diagonal()[:, None] - logits
        missing = functional.relu(options.synthetic_margin / temperature - gap)
        loss = loss + strength * (missing * candidates.weight * own_generated).sum(dim=1)
    if options.synthetic == "ranked":
        others = allowed & ~candidates.own & ~candidates.generated
        pushed = functional.log_softmax(_only(logits, others | own_generated), dim=1)
        number = own_generated.sum(dim=1)
        ranked = -(pushed.masked_fill(~own_generated, 0.0) * candidates.weight).sum(dim=1)
        ranked = ranked / number.clamp(min=1)
        loss = loss + strength * torch.where(number > 0, ranked, 0.0)
    if options.retrieved == "lambda":
        loss = loss + lambda_loss(logits, own_retrieved, candidates.weight)
    return loss.mean()


def lambda_loss(logits: Tensor, negatives: Tensor, weight: Tensor) -> Tensor:
    """Return each query's loss over pairs of its positive and its negatives, shape (b,).

    A pair counts Δ · log(1 + exp(z - z⁺)), where Δ is the change of the reciprocal rank if
    the two changed places: |1/r⁺ - 1/r|, with r the ranks among the positive and the
    negatives. Δ has no gradient. Source: ADORE (arXiv 2104.08051), after LambdaRank; there the
    pairs' mean is taken, here their sum, so that the other terms of the loss are not louder.

    Args:
        logits: Similarities by temperature, shape (b, c); the first b texts are the positives.
        negatives: Which texts are the query's negatives, shape (b, c).
        weight: Weight of each text as a negative, shape (c,).

    Example:
        >>> first = lambda_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[False, True]]),
        ...                     torch.ones(2))
        >>> round(float(first), 4)  # Ranks 1 and 2, so Δ is a half: log(2) / 2.
        0.3466
    """
    positive = logits[:, : logits.shape[0]].diagonal()[:, None]
    with torch.no_grad():
        # Among equals the positive stands first.
        above = (negatives & (logits > positive)).sum(dim=1, keepdim=True)
        order = _only(logits, negatives).argsort(dim=1, descending=True, stable=True)
        place = torch.empty_like(order)
        counted = torch.arange(1, logits.shape[1] + 1, device=logits.device)
        place.scatter_(1, order, counted.expand_as(order).contiguous())
        rank = place + (place > above)  # The positive takes a place between them.
        change = (1 / (above + 1) - 1 / rank).abs() * negatives
    return (change * functional.softplus(logits - positive) * weight).sum(dim=1)


def entropy_balance(similarities: Tensor, candidates: Candidates, options: LossOptions) -> Tensor:
    """Return CausalNeg's loss on the shares that generated negatives hold.

    With p the softmax over a query's own negatives at `entropy_temperature`: the mean of
    -H(p_generated) + (Σ p_generated - N_generated / N)² (arXiv 2606.01304). Give similarities
    whose query and retrieved side carry no gradient, so that generated texts alone move.
    """
    negatives = candidates.own & ~candidates.relevant
    generated = negatives & candidates.generated
    mixed = (generated.any(dim=1)) & ((negatives & ~generated).any(dim=1))
    if not bool(mixed.any()):
        return similarities.sum() * 0.0
    logits = _only(similarities[mixed] / options.entropy_temperature, negatives[mixed])
    generated, negatives = generated[mixed], negatives[mixed]
    logged = functional.log_softmax(logits, dim=1)
    shares = logged.exp() * generated
    entropy = -(shares * logged.masked_fill(~generated, 0.0)).sum(dim=1)
    expected = generated.sum(dim=1) / negatives.sum(dim=1)
    return (-entropy + (shares.sum(dim=1) - expected) ** 2).mean()


def distillation(similarities: Tensor, starting: Tensor, temperature: float) -> Tensor:
    """Return the mean divergence KL(starting ‖ current) of the softmax over a batch's texts.

    Args:
        similarities: Of the model in training, shape (b, c); texts that stand in the batch
            twice count once for each time.
        starting: Of the starting model, shape (b, c).
        temperature: τ of both.
    """
    current = functional.log_softmax(similarities / temperature, dim=1)
    target = functional.log_softmax(starting / temperature, dim=1)
    return functional.kl_div(current, target, log_target=True, reduction="batchmean")


def gradient_share(
    similarities: Tensor, candidates: Candidates, temperature: float, options: LossOptions
) -> float:
    """Return the share of the negatives' gradient that synthetic negatives hold, in [0, 1].

    dL/ds of a negative under InfoNCE is its softmax share / τ, so shares of the softmax are
    shares of the gradient. What options other than `in_batch` and `synthetic_scope` make of
    it is left out: it is the pull that plain InfoNCE would have.
    """
    with torch.no_grad():
        allowed = allowed_negatives(candidates, options)
        shares = functional.softmax(_only(similarities / temperature, allowed), dim=1)
        held = (shares * candidates.generated).sum(dim=1)
        return float(held[allowed.any(dim=1)].mean()) if bool(allowed.any()) else 0.0


def _only(logits: Tensor, mask: Tensor) -> Tensor:
    return logits.masked_fill(~mask, torch.finfo(logits.dtype).min)
