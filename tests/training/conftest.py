"""A model so small that a training step takes milliseconds."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from syneg.encoders.locate import packaged_minilm


@pytest.fixture(scope="session")
def small_model(tmp_path_factory) -> str:
    """Return the folder of an encoder of one layer with weights drawn by chance."""
    folder = tmp_path_factory.mktemp("small")
    tokenizer = AutoTokenizer.from_pretrained(str(packaged_minilm()))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = BertModel(
            BertConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=64,
            )
        )
    layers.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return str(folder)
