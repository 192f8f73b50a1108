"""Loading a sentence-transformers or plain Transformers model, and setting what it reads."""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path
from typing import Any

from syneg.errors import InputError, MissingExtraError

logger = logging.getLogger(__name__)


class Pooling(StrEnum):
    """How the vectors of a text's tokens become one vector."""

    CLS = "cls"
    MEAN = "mean"
    LAST = "last"


_NAMES = {Pooling.CLS: "cls", Pooling.MEAN: "mean", Pooling.LAST: "lasttoken"}


def load_model(
    folder: Path,
    trust_remote_code: bool = False,
    device: str | None = None,
    pooling: Pooling | None = None,
) -> Any:
    """Return the `SentenceTransformer` of a folder that `check_weights` has passed.

    Args:
        folder: A model of sentence-transformers or of Transformers.
        trust_remote_code: Whether code that comes with the model may run.
        device: For example "cuda:0"; None takes the best there is.
        pooling: For a model of Transformers, which states none; None takes the mean, for
            language models the last token.

    Raises:
        InputError: It cannot be loaded, there is no such device, or the model states its own
            pooling and one was given.
    """
    _check_device(device)
    if pooling is not None and (folder / "modules.json").is_file():
        raise InputError(
            "the model states its own pooling in modules.json",
            file=folder,
            field="model.pooling",
            value=pooling.value,
            remedy="leave the pooling away",
        )
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise MissingExtraError("sentence_transformers", "train") from error

    disable_progress_bar()
    options: dict[str, Any] = {"device": device, "trust_remote_code": trust_remote_code}
    try:
        if pooling is not None:
            modules = _modules(folder, pooling, trust_remote_code)
            return SentenceTransformer(modules=modules, device=device)
        return SentenceTransformer(
            str(folder), local_files_only=True, model_kwargs=_weights(), **options
        )
    except _load_errors() as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"the model cannot be loaded: {reason}",
            file=folder,
            remedy="give --trust-remote-code if it is the model's own code that is asked for "
            "and you trust it; otherwise check the folder",
        ) from error


def set_length_read(model: Any, max_length: int | None) -> None:
    """Set how many tokens a model reads of a text.

    Raises:
        InputError: The model has fewer positions.
    """
    if max_length is None:
        return
    most = _most_positions(model)
    if most is not None and max_length > most:
        raise InputError(
            f"the model can read at most {most} tokens",
            field="model.max_length",
            value=max_length,
            remedy="give a smaller number, or none for the model's own limit",
        )
    model.max_seq_length = max_length


def set_width(model: Any, dimensions: int | None) -> None:
    """Keep only the first dimensions of a model's vectors.

    Raises:
        InputError: The vectors have fewer dimensions.
    """
    if dimensions is None:
        return
    whole = model.get_embedding_dimension()
    if dimensions < 1 or (whole is not None and dimensions > whole):
        raise InputError(
            f"the model's vectors have {whole} dimensions",
            field="model.dimensions",
            value=dimensions,
            remedy=f"give a number from 1 to {whole}, or none for all",
        )
    model.truncate_dim = dimensions


def set_prompts(model: Any, query: str | None, document: str | None) -> None:
    """Set what is put before every query and every document; None leaves the model's own."""
    given = {"query": query, "document": document}
    passed_over = [name for name in ("passage", "corpus") if model.prompts.get(name)]
    if passed_over and document is None and not model.prompts.get("document"):
        # sentence-transformers gives every model an empty "document" prompt, which goes first.
        logger.warning(
            "the model's prompt '%s' is not put before documents, as sentence-transformers does "
            "not either; give it as the document prompt to have it used",
            passed_over[0],
        )
    model.prompts = {
        **model.prompts,
        **{name: prompt for name, prompt in given.items() if prompt is not None},
    }


def _modules(folder: Path, pooling: Pooling, trust_remote_code: bool) -> list[Any]:
    from sentence_transformers.sentence_transformer import modules

    transformer = modules.Transformer(
        str(folder),
        model_kwargs={
            **_weights(),
            "trust_remote_code": trust_remote_code,
            "local_files_only": True,
        },
        processor_kwargs={"trust_remote_code": trust_remote_code, "local_files_only": True},
        config_kwargs={"trust_remote_code": trust_remote_code, "local_files_only": True},
    )
    return [transformer, modules.Pooling(transformer.get_embedding_dimension(), _NAMES[pooling])]


def _weights() -> dict[str, Any]:
    return {"use_safetensors": True, "dtype": "float32"}


def _check_device(device: str | None) -> None:
    if device is None:
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(
            "this machine or this build of PyTorch has no such device",
            field="model.device",
            value=device,
            remedy="give 'cpu', or leave it away for the best there is",
        ) from error


def _most_positions(model: Any) -> int | None:
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    most = getattr(config, "max_position_embeddings", None)
    return most if isinstance(most, int) and most > 0 else None


def _load_errors() -> tuple[type[Exception], ...]:
    # What a broken or hostile model folder makes the libraries raise.
    from safetensors import SafetensorError

    return (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        ImportError,
        AttributeError,
        SafetensorError,
    )
