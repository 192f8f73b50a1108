"""What is set or found out before training begins, and checked after."""

from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from syneg.files import file_hash
from syneg.training.options import TrainingOptions

logger = logging.getLogger(__name__)


def set_attention_dropout(model: Any, probability: float) -> int:
    """Set the dropout of the attention weights of a model's layers; return how many it has.

    The model's configuration, which is saved with it, stays as it was.

    Example:
        >>> from syneg.encoders.encoder import load_encoder
        >>> set_attention_dropout(load_encoder("minilm").model, 0.0)
        6
    """
    import torch

    found = 0
    for module in model.modules():
        # Attention layers hold this dropout directly; the hidden one is in the output layers.
        if not type(module).__name__.endswith("Attention"):
            continue
        for child in module.children():
            if isinstance(child, torch.nn.Dropout):
                child.p = probability
                found += 1
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = probability
            found += 1
    return found


def training_precision(options: TrainingOptions, device: str) -> str:
    """Return "bfloat16" or "float32": what is asked for, or what the hardware computes fast."""
    if options.precision != "auto":
        return options.precision
    import torch

    if device == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        fast = device == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bfloat16" if fast else "float32"


def warn_of_left_out(examples: pa.Table, batch_size: int, seed: int) -> None:
    """Say how many instances an epoch passes over because they share texts with others.

    Batches without a repeated text may become more, and smaller, than the trainer counts
    on; it ends the epoch when it has seen as many as it expects.
    """
    import torch
    from datasets import Dataset
    from sentence_transformers.base.sampler import NoDuplicatesBatchSampler

    sampler = NoDuplicatesBatchSampler(
        Dataset(examples), batch_size, False, generator=torch.Generator(), seed=seed
    )
    reached = sum(len(batch) for batch in islice(sampler, len(sampler)))
    if reached < examples.num_rows:
        logger.warning(
            "each epoch passes over about %d of the %d instances: they share texts with others, "
            "and no text may stand twice in a batch",
            examples.num_rows - reached,
            examples.num_rows,
        )


def weight_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each weight file of a model folder, by its path inside it."""
    return {
        str(path.relative_to(folder)): file_hash(path)
        for path in sorted(folder.rglob("*.safetensors"))
    }
