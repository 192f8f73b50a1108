"""A bi-encoder: texts in, one vector each out."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from syneg.encoders.locate import locate_model, model_fingerprint
from syneg.errors import InputError, MissingExtraError
from syneg.files import value_hash

Vectors = npt.NDArray[np.float32]


class Precision(StrEnum):
    """In which numbers a model computes."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


@runtime_checkable
class Encoder(Protocol):
    """What mining and evaluation need of a bi-encoder."""

    @property
    def fingerprint(self) -> str:
        """Hash of all that changes the vectors: weights, prompts, length, precision."""
        ...  # pragma: no cover

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return one row per query, shape (n, dimensions), float32."""
        ...  # pragma: no cover

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per document, shape (n, dimensions), float32."""
        ...  # pragma: no cover

    def count_too_long(self, texts: Sequence[str]) -> int:
        """Return how many texts have more tokens than the model reads."""
        ...  # pragma: no cover


class SentenceEncoder:
    """A sentence-transformers model with its query and document prompts.

    Vectors have length 1 unless the model's own similarity is the dot product.

    Args:
        model: A `SentenceTransformer`.
        fingerprint: Hash of the model's files.
        precision: float32 for figures to be reported; bfloat16 is several times faster
            where the processor has it.
        batch_size: Texts encoded at once.

    Example:
        >>> encoder = load_encoder("minilm")
        >>> vectors = encoder.encode_documents(["A cat purrs.", "A dog barks."])
        >>> vectors.shape
        (2, 384)
    """

    def __init__(
        self,
        model: Any,
        *,
        fingerprint: str,
        precision: Precision = Precision.FLOAT32,
        batch_size: int | None = None,
    ) -> None:
        self.model = model
        self.precision = precision
        on_processor = str(model.device) == "cpu"
        self.batch_size = batch_size or (16 if on_processor else 128)
        self._files = fingerprint

    @property
    def fingerprint(self) -> str:
        """Hash of all that changes the vectors."""
        parts = [self._files, self.model.max_seq_length, self.precision.value, self.model.prompts]
        return value_hash(parts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return one row per query, shape (n, dimensions), float32."""
        return self._encode(self.model.encode_query, texts)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per document, shape (n, dimensions), float32."""
        return self._encode(self.model.encode_document, texts)

    def count_too_long(self, texts: Sequence[str]) -> int:
        """Return how many texts have more tokens than the model reads."""
        limit = self.model.max_seq_length
        if not len(texts) or limit is None or math.isinf(limit):
            return 0  # Models without attention read texts of any length.
        tokens = self.model.tokenizer(
            list(texts), truncation=False, return_length=True, verbose=False
        )
        return sum(length > limit for length in tokens["length"])

    def _encode(self, encode: Any, texts: Sequence[str]) -> Vectors:
        if not len(texts):
            return np.zeros((0, self.model.get_embedding_dimension()), np.float32)
        was_training = self.model.training
        with self._autocast():
            vectors = encode(
                list(texts),
                batch_size=self.batch_size,
                convert_to_tensor=True,
                normalize_embeddings=self.model.similarity_fn_name != "dot",
                show_progress_bar=False,
            )
        self.model.train(was_training)
        result: Vectors = vectors.float().cpu().numpy()
        if not np.isfinite(result).all():
            raise InputError(
                "the model gives embeddings that are not finite numbers",
                remedy="use float32, or another checkpoint",
            )
        return result

    @contextlib.contextmanager
    def _autocast(self) -> Iterator[None]:
        import torch

        wanted = self.precision is Precision.BFLOAT16
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=wanted):
            yield


def load_encoder(
    location: str,
    *,
    max_length: int | None = None,
    precision: Precision = Precision.FLOAT32,
    trust_remote_code: bool = False,
    offline: bool = False,
    device: str | None = None,
) -> SentenceEncoder:
    """Load a bi-encoder from safetensors weights.

    Args:
        location: "minilm" (all-MiniLM-L6-v2 from its package), a folder, or "hub:NAME".
        max_length: Most tokens read of a text; None leaves the model's own limit.
        precision: In which numbers to compute.
        trust_remote_code: Whether code that comes with the model may run.
        offline: Whether the Hub must not be asked.
        device: For example "cuda:0" or "cpu"; None takes the best there is.

    Raises:
        InputError: There is no such model, it has no safetensors weights, or it needs code
            of its own and `trust_remote_code` is off.
    """
    folder = locate_model(location, offline=offline)
    _check_device(device)
    model = load_sentence_transformer(folder, trust_remote_code, device)
    if max_length is not None:
        most = _most_positions(model)
        if most is not None and max_length > most:
            raise InputError(
                f"the model can read at most {most} tokens",
                field="model.max_length",
                value=max_length,
                remedy="give a smaller number, or none for the model's own limit",
            )
        model.max_seq_length = max_length
    return SentenceEncoder(model, fingerprint=model_fingerprint(folder), precision=precision)


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


def load_sentence_transformer(
    folder: Path, trust_remote_code: bool = False, device: str | None = None
) -> Any:
    """Return the `SentenceTransformer` of a folder that `check_weights` has passed."""
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar
    except ImportError as error:
        raise MissingExtraError("sentence_transformers", "train") from error

    disable_progress_bar()
    try:
        return SentenceTransformer(
            str(folder),
            device=device,
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            model_kwargs={"use_safetensors": True, "dtype": "float32"},
        )
    except _load_errors() as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"the model cannot be loaded: {reason}",
            file=folder,
            remedy="give --trust-remote-code if it is the model's own code that is asked for "
            "and you trust it; otherwise check the folder",
        ) from error


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
