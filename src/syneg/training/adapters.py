"""Low-rank adapters: few weights are trained, and merged into the model when it is kept."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from syneg.errors import InputError, MissingExtraError

_WEIGHTS = "adapters.safetensors"


class Adapters:
    """Low-rank adapters (LoRA, arXiv 2106.09685) on every linear layer of a model.

    The model's own weights no longer change; each linear layer W gets two small matrices that
    are trained in its stead, W + scale·B·A. B begins as zeros, so at first nothing differs.

    Args:
        model: A `SentenceTransformer` with a Transformers model as its first module; changed in
            place.
        rank: Rows of A and columns of B, from 1.
        scale: Factor of their product, above 0 (in other words α/rank).
        seed: Of the first values of A.

    Raises:
        MissingExtraError: `peft` is not installed.
        InputError: The model's first module is not a Transformers model.
    """

    def __init__(self, model: Any, rank: int, scale: float, seed: int = 0) -> None:
        try:
            import torch
            from peft import LoraConfig, inject_adapter_in_model
        except ImportError as error:
            raise MissingExtraError("peft", "lora") from error
        layers = getattr(model[0], "auto_model", None)
        if layers is None:
            raise InputError(
                "this model has no Transformers layers that adapters could be put on",
                field="training.lora_rank",
                value=rank,
                remedy="leave training.lora_rank away",
            )
        config = LoraConfig(
            r=rank, lora_alpha=max(1, round(scale * rank)), target_modules="all-linear"
        )
        # The pooling layer of BERT is not used by sentence encoders; its adapter stays at zero.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            inject_adapter_in_model(config, layers)
        for name, one in model.named_parameters():
            one.requires_grad_("lora_" in name)
        self.model = model

    def plain(self) -> Any:
        """Return a copy of the model with the adapters merged in, as a model without any."""
        copied = copy.deepcopy(self.model)
        _merge(copied)
        return copied

    def merge(self) -> None:
        """Merge the adapters into the model itself, which then has none."""
        _merge(self.model)

    def save(self, folder: Path) -> None:
        """Write the adapters' weights into a checkpoint's folder."""
        from safetensors.torch import save_file

        weights = {
            name: one.detach().contiguous().cpu()
            for name, one in self.model.named_parameters()
            if one.requires_grad
        }
        folder.mkdir(parents=True, exist_ok=True)
        save_file(weights, folder / _WEIGHTS)

    def load(self, folder: Path) -> None:
        """Take the adapters' weights from a checkpoint's folder."""
        import torch
        from safetensors.torch import load_file

        weights = load_file(folder / _WEIGHTS)
        with torch.no_grad():
            for name, one in self.model.named_parameters():
                if one.requires_grad:
                    one.copy_(weights[name])


def _merge(model: Any) -> None:
    from peft.tuners.lora import LoraLayer

    adapted = [(name, one) for name, one in model.named_modules() if isinstance(one, LoraLayer)]
    for name, one in adapted:
        one.merge()
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, one.get_base_layer())
    for one in model.parameters():
        one.requires_grad_(True)


def adapter_trainer(base: type, adapters: Adapters) -> type:
    """Return a trainer class whose checkpoints hold the adapters and not the whole model.

    Args:
        base: `SentenceTransformerTrainer`.
        adapters: What is saved and loaded.
    """

    class AdapterTrainer(base):  # type: ignore[misc]
        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            adapters.save(Path(output_dir or self.args.output_dir))

        def _load_from_checkpoint(self, checkpoint_path: str) -> None:
            adapters.load(Path(checkpoint_path))

    return AdapterTrainer
