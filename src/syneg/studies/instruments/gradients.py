"""Which negatives the InfoNCE gradient comes from, for given embeddings.

For one instance with query q, positive d+ and negatives d_j, similarities s = q·d and
temperature τ, the loss is L = -log p+ with p = softmax(s / τ) over the positive and the
negatives. Then

    dL/dq = (1/τ) Σ_j p_j (d_j - d+)

summed over the negatives. The derivative by the similarity of a negative is p_j / τ, and by
that of the positive minus their sum: a negative's share of the gradient is its share of the
negatives' softmax mass. A sum over synthetic and one over retrieved negatives tell how much
each source pulls and whether both pull the same way. SyNeg (arXiv 2412.17250) reports the
variance of the per-instance gradient values: 188.50 for direct, 155.23 for hybrid mixing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from syneg.studies.instruments.arrays import Floats

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GradientShares:
    """The gradient of each instance by the query's embedding, split by source.

    All have shape (n,), one value per instance.

    Attributes:
        synthetic_share: Share of the negatives' softmax mass, and so of the gradient by the
            similarities, that synthetic negatives hold, in [0, 1].
        negative_mass: Softmax mass of all negatives, 1 - p+, in [0, 1]: how wrong the model is.
        norm: Length of dL/dq.
        synthetic_norm: Length of the synthetic negatives' part of it; 0 where there are none.
        retrieved_norm: Length of the retrieved negatives' part; 0 where there are none.
        cosine: Between the two parts, in [-1, 1]; not a number where one part is 0.
    """

    synthetic_share: Values
    negative_mass: Values
    norm: Values
    synthetic_norm: Values
    retrieved_norm: Values
    cosine: Values

    def summary(self) -> dict[str, dict[str, float | int | None]]:
        """Return count, mean and variance of each, over the instances that have a value.

        The variance is that of a sample; None where there are too few instances.
        """
        return {name: _summary(values) for name, values in self.__dict__.items()}


def gradient_shares(
    queries: Floats,
    positives: Floats,
    negatives: Floats,
    synthetic: npt.NDArray[np.bool_],
    *,
    temperature: float,
) -> GradientShares:
    """Split the InfoNCE gradient by the query into what synthetic and retrieved negatives add.

    The formula is in the module's description. Give the negatives of the loss that was
    trained: for in-batch negatives, add the batch's other documents to `negatives`. The
    gradient is by the embedding that the loss sees, after its scaling to length 1.

    Args:
        queries: Embeddings of length 1, shape (n, dimensions).
        positives: Each query's positive, of length 1, shape (n, dimensions).
        negatives: Each query's negatives, of length 1, shape (n, k, dimensions), k > 0.
        synthetic: Which of them a language model wrote, shape (n, k); the rest is retrieved.
        temperature: τ of the loss, above 0; 0.02 in SyNeg.

    Raises:
        ValueError: Shapes do not fit, there are no negatives, the temperature is not above 0,
            or a vector is not of length 1.

    Example:
        >>> query, positive = np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]])
        >>> negatives = np.array([[[0.0, 1.0], [0.0, -1.0]]])
        >>> shares = gradient_shares(
        ...     query, positive, negatives, np.array([[True, False]]), temperature=1.0)
        >>> shares.synthetic_share, shares.cosine.round(3)
        (array([0.5]), array([0.]))
    """
    _check(queries, positives, negatives, synthetic, temperature)
    query, positive, negative = (
        array.astype(np.float64) for array in (queries, positives, negatives)
    )
    similarity = np.einsum("nd,nkd->nk", query, negative) / temperature
    right = np.einsum("nd,nd->n", query, positive) / temperature
    # The highest taken away: exp(1 / 0.001) is no finite number.
    highest = similarity.max(axis=1)
    among = np.exp(similarity - highest[:, None])
    together = among.sum(axis=1)
    # Shares are taken among the negatives alone, so that they and the cosine exist where the
    # positive has all the mass.
    shares = among / together[:, None]
    negative_mass = _logistic(highest + np.log(together) - right)

    def part(of: npt.NDArray[np.bool_]) -> Values:
        kept = shares * of
        pull = np.einsum("nk,nkd->nd", kept, negative)
        direction: Values = pull - kept.sum(axis=1)[:, None] * positive
        return direction

    first, second = part(synthetic), part(~synthetic)
    first_length, second_length = _length(first), _length(second)
    both = first_length * second_length
    cosine = np.full(len(query), np.nan)
    np.divide(np.einsum("nd,nd->n", first, second), both, out=cosine, where=both > 0)
    scale = negative_mass / temperature
    return GradientShares(
        synthetic_share=(shares * synthetic).sum(axis=1),
        negative_mass=negative_mass,
        norm=_length(first + second) * scale,
        synthetic_norm=first_length * scale,
        retrieved_norm=second_length * scale,
        cosine=np.clip(cosine, -1.0, 1.0),
    )


def _check(
    queries: Floats,
    positives: Floats,
    negatives: Floats,
    synthetic: npt.NDArray[np.bool_],
    temperature: float,
) -> None:
    if not temperature > 0:
        raise ValueError(f"the temperature must be above 0, not {temperature}")
    fits = (
        queries.ndim == 2
        and positives.shape == queries.shape
        and negatives.ndim == 3
        and (negatives.shape[0], negatives.shape[2]) == queries.shape
        and negatives.shape[1] > 0
        and synthetic.shape == negatives.shape[:2]
        and synthetic.dtype == np.bool_
    )
    if not fits:
        shapes = [array.shape for array in (queries, positives, negatives, synthetic)]
        raise ValueError(f"queries, positives, negatives and marks do not fit: {shapes}")
    for name, array in (("query", queries), ("positive", positives), ("negative", negatives)):
        # Lengths from half precision are a little off.
        if not np.allclose(np.linalg.norm(array, axis=-1), 1.0, atol=0.02):
            raise ValueError(f"a {name} is not of length 1")


def _logistic(values: Values) -> Values:
    # Written so that exp is never taken of a large number.
    small = np.exp(-np.abs(values))
    return np.where(values >= 0, 1.0, small) / (1.0 + small)


def _length(vectors: Values) -> Values:
    lengths: Values = np.linalg.norm(vectors, axis=1)
    return lengths


def _summary(values: Values) -> dict[str, float | int | None]:
    known = values[~np.isnan(values)]
    return {
        "count": len(known),
        "mean": float(known.mean()) if len(known) else None,
        "variance": float(known.var(ddof=1)) if len(known) > 1 else None,
    }
