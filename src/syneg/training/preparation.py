"""What is set or found out before training begins, and checked after."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from syneg.encoders.devices import mining_precision
from syneg.files import file_hash, remove_tree
from syneg.training.options import TrainingOptions
from syneg.training.query_side import has_two_sides

_LOGGED = 200
"""About so many losses are kept, however long training is."""


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
    return mining_precision(device).value


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


def trainer_arguments(
    model: Any,
    columns: list[str],
    options: TrainingOptions,
    folder: Path,
    precision: str,
    steps: int,
    seed: int,
) -> Any:
    """Return the arguments of sentence-transformers' trainer.

    Queries and documents get the prompts and go through the modules that they have after
    training.

    Args:
        model: The model to be trained.
        columns: Names of the columns of texts, the queries' first.
        options: Rate, epochs and so on.
        folder: Gets checkpoints.
        precision: "bfloat16" or "float32".
        steps: Of the whole training.
        seed: Of the order of the data and of dropout.
    """
    from sentence_transformers import SentenceTransformerTrainingArguments

    query, *documents = columns
    prompts = {query: _prompt(model, "query")}
    prompts |= dict.fromkeys(documents, _prompt(model, "document", "passage", "corpus"))
    routes = {query: "query", **dict.fromkeys(documents, "document")}
    on_processor = model.device.type == "cpu"
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        warmup_steps=options.warmup,
        weight_decay=options.weight_decay,
        lr_scheduler_type="linear",
        bf16=precision == "bfloat16",
        use_cpu=on_processor,
        seed=seed,
        data_seed=seed,
        save_strategy="no",
        save_total_limit=2,
        logging_steps=max(1, steps // _LOGGED),
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        dataloader_pin_memory=not on_processor,
        prompts={name: prompt for name, prompt in prompts.items() if prompt} or None,
        router_mapping=routes if has_two_sides(model) else None,
    )


def _prompt(model: Any, *names: str) -> str:
    for name in (*names, model.default_prompt_name):
        if name in model.prompts:
            return str(model.prompts[name])
    return ""


def last_whole_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end, and remove the others' debris."""
    from syneg.training.callbacks import COMPLETE

    whole = []
    for place in folder.glob("checkpoint-*"):
        if (place / COMPLETE).is_file():
            whole.append(place)
        else:
            remove_tree(place)
    return max(whole, key=checkpoint_step, default=None)


def checkpoint_step(folder: Path | None) -> int:
    """Return how many steps were done when a checkpoint was written; 0 where there is none."""
    return 0 if folder is None else int(folder.name.rpartition("-")[2])


def weight_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each weight file of a model folder, by its path inside it."""
    return {
        str(path.relative_to(folder)): file_hash(path)
        for path in sorted(folder.rglob("*.safetensors"))
    }
