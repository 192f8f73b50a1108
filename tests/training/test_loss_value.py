"""The loss that we ask of the library is the InfoNCE that our documentation states."""

from __future__ import annotations

import numpy as np
import pytest

from syneg.encoders.encoder import load_encoder


def test_the_loss_is_infonce_over_hard_and_batch_negatives() -> None:
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    encoder = load_encoder("minilm")
    columns = [
        ["Which animal purrs?", "Who barks?"],
        ["The cat purrs.", "The dog barks."],
        ["The cat sleeps.", "The dog runs."],
    ]
    temperature = 0.05
    loss = MultipleNegativesRankingLoss(encoder.model, scale=1 / temperature)
    encoder.model.eval()
    features = [encoder.model.preprocess(texts) for texts in columns]
    with torch.no_grad():
        value = float(loss(features, None))
    queries, positives, negatives = (encoder.encode_documents(texts) for texts in columns)
    scores = queries @ np.concatenate([positives, negatives]).T / temperature
    expected = np.mean([np.log(np.exp(row).sum()) - row[place] for place, row in enumerate(scores)])
    assert value == pytest.approx(float(expected), abs=1e-4)
