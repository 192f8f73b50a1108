"""What is set or found out before training begins, and checked after."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from syneg.files import file_hash
from syneg.training.adapters import Adapters
from syneg.training.options import TrainingOptions


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


@contextlib.contextmanager
def set_for_training(model: Any, options: TrainingOptions, precision: str) -> Iterator[None]:
    """Set the length read, the attention's dropout and its kernel while a block runs."""
    length = model.max_seq_length
    # Models without attention have no limit of their own.
    model.max_seq_length = int(min(length or math.inf, options.max_length))
    if options.attention_dropout is not None:
        set_attention_dropout(model, options.attention_dropout)
    layers = getattr(model[0], "auto_model", None)
    kernel = getattr(getattr(layers, "config", None), "_attn_implementation", None)
    # On processors the fused kernel's backward pass in bfloat16 is the slower one: MiniLM on
    # two cores trains 38 texts a second without it and 31 with it.
    plain = kernel == "sdpa" and precision == "bfloat16" and model.device.type == "cpu"
    if plain and layers is not None:
        layers.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.max_seq_length = length
        if plain and layers is not None:
            layers.set_attn_implementation(kernel)


class Kept:
    """The model that is measured and kept while another is trained.

    Adapters are merged into it, and its weights are averaged with the starting ones. Averaging
    keeps what the starting model knew of what was not trained on (WiSE-FT, arXiv 2109.01903).

    Args:
        model: The model before training.
        options: Uses merge and the rank and scale of adapters, which it puts on the model.
        seed: Of the adapters' first values.
    """

    def __init__(self, model: Any, options: TrainingOptions, seed: int = 0) -> None:
        self.model = model
        self.share = options.merge
        parameters = dict(model.named_parameters()) if self.share < 1 else {}
        self._before = {name: one.detach().clone() for name, one in parameters.items()}
        rank = options.lora_rank
        self.adapters = None if rank is None else Adapters(model, rank, options.lora_scale, seed)

    def apply(self) -> None:
        """Make the trained model the one that is kept."""
        if self.adapters is not None:
            self.adapters.merge()
        self._average(self.model)

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Any]:
        """Give the model to measure and keep while a block runs; training goes on unchanged."""
        import torch

        if self.adapters is not None:
            plain = self.adapters.plain()
            self._average(plain)
            yield plain
            return
        named = dict(self.model.named_parameters())
        tuned = {name: named[name].detach().clone() for name in self._before}
        self._average(self.model)
        try:
            yield self.model
        finally:
            with torch.no_grad():
                for name, one in tuned.items():
                    named[name].copy_(one)

    def _average(self, model: Any) -> None:
        import torch

        with torch.no_grad():
            for name, one in model.named_parameters():
                if name in self._before:
                    one.lerp_(self._before[name], 1 - self.share)


def weight_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each weight file of a model folder, by its path inside it."""
    return {
        str(path.relative_to(folder)): file_hash(path)
        for path in sorted(folder.rglob("*.safetensors"))
    }
