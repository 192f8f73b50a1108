"""The model that is measured and kept while another is trained."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from syneg.training.adapters import Adapters
from syneg.training.options import TrainingOptions
from syneg.training.query_side import make_two_sided, two_sided


def without_wrapping(model: Any) -> Any:
    """Return a model whose `forward` is its own again, in the numbers that the caller chooses.

    The trainer leaves a wrapping behind that computes in bfloat16 whatever is asked for, and
    that goes on calling the same model from a copy.
    """
    for name in ("forward", "_original_forward"):
        vars(model).pop(name, None)
    return model


class Kept:
    """The model that is measured and kept while another is trained.

    Adapters are merged into it, and its weights are averaged with the starting ones. Averaging
    keeps what the starting model knew of what was not trained on (WiSE-FT, arXiv 2109.01903).
    Where only the query side is trained, its documents' side is the starting model.

    Args:
        model: The model before training.
        options: Uses merge, the rank and scale of adapters, which it puts on the model, and
            whether queries alone are trained.
        seed: Of the adapters' first values.
    """

    def __init__(self, model: Any, options: TrainingOptions, seed: int = 0) -> None:
        self.model = model
        self.share = options.merge
        # Copied before anything changes it.
        self.documents = copy.deepcopy(model).eval() if options.trains_queries_only else None
        parameters = dict(model.named_parameters()) if self.share < 1 else {}
        self._before = {name: one.detach().clone() for name, one in parameters.items()}
        rank = options.lora_rank
        self.adapters = None if rank is None else Adapters(model, rank, options.lora_scale, seed)

    def apply(self) -> None:
        """Make the trained model the one that is kept."""
        if self.adapters is not None:
            self.adapters.merge()
        self._average(self.model)
        if self.documents is not None:
            make_two_sided(self.model, self.documents)

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Any]:
        """Give the model to measure and keep while a block runs; training goes on unchanged."""
        import torch

        if self.adapters is not None:
            plain = without_wrapping(self.adapters.plain())
            self._average(plain)
            yield self._whole(plain)
            return
        named = dict(self.model.named_parameters())
        tuned = {name: named[name].detach().clone() for name in self._before}
        self._average(self.model)
        try:
            yield self._whole(self.model)
        finally:
            with torch.no_grad():
                for name, one in tuned.items():
                    named[name].copy_(one)

    def load(self, checkpoint: Path) -> None:
        """Take the weights in training from a checkpoint's folder."""
        if self.adapters is not None:
            self.adapters.load(checkpoint)
            return
        import torch
        from sentence_transformers import SentenceTransformer

        saved = SentenceTransformer(str(checkpoint), device="cpu", local_files_only=True)
        with torch.no_grad():
            self.model.load_state_dict(saved.state_dict())

    def _whole(self, model: Any) -> Any:
        return model if self.documents is None else two_sided(model, self.documents)

    def _average(self, model: Any) -> None:
        import torch

        with torch.no_grad():
            for name, one in model.named_parameters():
                if name in self._before:
                    one.lerp_(self._before[name], 1 - self.share)
