"""A bi-encoder: texts in, one vector each out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from syneg.encoders.batches import longest_first, token_batches
from syneg.encoders.contract import Encoder, Flags, NotFiniteError, Precision, Vectors
from syneg.encoders.loading import Pooling, load_model, set_length_read, set_prompts, set_width
from syneg.encoders.locate import locate_model, model_fingerprint
from syneg.encoders.reading import TextReader
from syneg.files import value_hash

__all__ = ["Encoder", "Precision", "SentenceEncoder", "Vectors", "load_encoder"]

# Texts that are tokenised together; progress is told after so many.
_PIECE = 512


class SentenceEncoder:
    """A sentence-transformers model with its query and document prompts.

    Vectors have length 1 unless the model's own similarity is the dot product. Texts are
    grouped by their length in tokens, so that little is computed on padding.

    Args:
        model: A `SentenceTransformer`.
        fingerprint: Hash of the model's files.
        precision: float32 for figures to be reported; bfloat16 is several times faster
            where the processor has it.
        token_budget: Most tokens of a batch, padding included; None takes what suits the
            device: small batches stay in a processor's cache, large ones fill a GPU.

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
        token_budget: int | None = None,
    ) -> None:
        self.model = model
        self.precision = precision
        on_processor = str(model.device) == "cpu"
        fitting = (4096 if precision is Precision.BFLOAT16 else 1024) if on_processor else 32_768
        self.token_budget = token_budget or fitting
        self._files = fingerprint
        self._reader = TextReader(model)

    @property
    def device(self) -> str:
        """Where the model computes, for example "cpu" or "cuda:0"."""
        return str(self.model.device)

    @property
    def fingerprint(self) -> str:
        """Hash of all that changes the vectors."""
        parts = [self._files, self.model.max_seq_length, self.precision.value, self.model.prompts]
        if self.model.truncate_dim is not None:
            parts.append({"dimensions": self.model.truncate_dim})
        return value_hash(parts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return one row per query, shape (n, dimensions), float32.

        Raises:
            NotFiniteError: A vector is not finite.
        """
        return self._encode(texts, "query", _prompt(self.model, "query"), _nobody)[0]

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return one row per document, shape (n, dimensions), float32.

        Raises:
            NotFiniteError: A vector is not finite.
        """
        return self.encode_noting_length(texts, _nobody)[0]

    def encode_noting_length(
        self, texts: Sequence[str], advance: Callable[[int], None]
    ) -> tuple[Vectors, Flags]:
        """Return the documents' vectors and which of them have more tokens than are read."""
        prompt = _prompt(self.model, "document", "passage", "corpus")
        return self._encode(texts, "document", prompt, advance)

    def count_too_long(self, texts: Sequence[str]) -> int:
        """Return how many texts have more tokens than the model reads."""
        pieces = (texts[start : start + _PIECE] for start in range(0, len(texts), _PIECE))
        return sum(int(self._reader.read(piece).truncated.sum()) for piece in pieces)

    def _encode(
        self, texts: Sequence[str], task: str, prompt: str | None, advance: Callable[[int], None]
    ) -> tuple[Vectors, Flags]:
        vectors = np.zeros((len(texts), self.model.get_embedding_dimension() or 0), np.float32)
        truncated = np.zeros(len(texts), dtype=bool)
        order = longest_first(texts)
        with self._inferring():
            for start in range(0, len(order), _PIECE):
                places = order[start : start + _PIECE]
                piece, truncated[places] = self._encode_piece(
                    [texts[place] for place in places], task, prompt
                )
                if piece.shape[1] != vectors.shape[1]:
                    vectors = np.zeros((len(texts), piece.shape[1]), np.float32)
                vectors[places] = piece
                advance(len(places))
        wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if wrong.size:
            raise NotFiniteError(wrong, texts[int(wrong[0])])
        return vectors, truncated

    def _encode_piece(
        self, texts: list[str], task: str, prompt: str | None
    ) -> tuple[Vectors, Flags]:
        import torch

        read = self._reader.read(texts, prompt=prompt, task=task)
        if read.lengths is None:
            return self._forward(dict(read.features), task).cpu().numpy(), read.truncated
        batches = list(token_batches(read.lengths, self.token_budget))
        # Brought over from the device at the end, so that it need not wait between batches.
        found = torch.cat([self._forward(read.batch(batch), task) for batch in batches])
        vectors = np.empty(found.shape, np.float32)
        vectors[np.concatenate(batches)] = found.cpu().numpy()
        return vectors, read.truncated

    def _forward(self, features: dict[str, Any], task: str) -> Any:
        import torch

        device = self.model.device
        inputs = {
            name: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
            for name, value in features.items()
        }
        vectors = self.model(inputs, task=task)["sentence_embedding"].float()
        if self.model.truncate_dim is not None:
            vectors = vectors[:, : self.model.truncate_dim]
        if self.model.similarity_fn_name != "dot":
            vectors = torch.nn.functional.normalize(vectors, dim=1)
        return vectors

    @contextlib.contextmanager
    def _inferring(self) -> Iterator[None]:
        import torch

        wanted = self.precision is Precision.BFLOAT16
        was_training = self.model.training
        self.model.eval()
        try:
            with (
                torch.inference_mode(),
                torch.autocast(self.model.device.type, torch.bfloat16, enabled=wanted),
            ):
                yield
        finally:
            self.model.train(was_training)


def _nobody(count: int) -> None:
    """Hear of progress and do nothing."""


def _prompt(model: Any, *names: str) -> str | None:
    for name in (*names, model.default_prompt_name):
        if name in model.prompts:
            prompt: str = model.prompts[name]
            return prompt
    return None


def load_encoder(
    location: str,
    *,
    max_length: int | None = None,
    precision: Precision = Precision.FLOAT32,
    trust_remote_code: bool = False,
    offline: bool = False,
    device: str | None = None,
    pooling: Pooling | None = None,
    dimensions: int | None = None,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
) -> SentenceEncoder:
    """Load a bi-encoder from safetensors weights.

    Args:
        location: "minilm" (all-MiniLM-L6-v2 from its package), a folder, or "hub:NAME".
        max_length: Most tokens read of a text; None leaves the model's own limit.
        precision: In which numbers to compute.
        trust_remote_code: Whether code that comes with the model may run.
        offline: Whether the Hub must not be asked.
        device: For example "cuda:0" or "cpu"; None takes the best there is.
        pooling: How a plain Transformers model's tokens become one vector; None takes the
            mean (for language models the last token). A model that states its own pooling
            in modules.json takes none.
        dimensions: Keep the first so many dimensions, for models trained to be cut so
            (Matryoshka); None keeps all.
        query_prompt: Put before every query; None leaves the model's own.
        document_prompt: Put before every document; None leaves the model's own.

    Raises:
        InputError: There is no such model, it has no safetensors weights, it needs code of
            its own and `trust_remote_code` is off, or an option does not fit it.
    """
    folder = locate_model(location, offline=offline)
    model = load_model(folder, trust_remote_code, device, pooling)
    set_length_read(model, max_length)
    set_width(model, dimensions)
    set_prompts(model, query_prompt, document_prompt)
    files = _with_pooling(model_fingerprint(folder), pooling)
    return SentenceEncoder(model, fingerprint=files, precision=precision)


def _with_pooling(fingerprint: str, pooling: Pooling | None) -> str:
    return fingerprint if pooling is None else value_hash([fingerprint, pooling.value])
