"""What mining and evaluation need of a bi-encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from syneg.encoders.batches import Numbers
from syneg.errors import InputError

Vectors = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


class Precision(StrEnum):
    """In which numbers a model computes."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class NotFiniteError(InputError):
    """A model gave vectors that are not finite numbers.

    Args:
        places: Which of the texts given, counted from 0.
        text: The first of these texts.
    """

    def __init__(self, places: Numbers, text: str) -> None:
        self.places = places
        super().__init__(
            f"the model gives vectors that are not finite numbers for {len(places)} of the texts",
            field="text",
            value=text,
            remedy="use float32, or another checkpoint",
        )


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


@runtime_checkable
class NotingEncoder(Encoder, Protocol):
    """An encoder that notes, in one pass, which documents it could not read to their end."""

    def encode_noting_length(
        self, texts: Sequence[str], advance: Callable[[int], None]
    ) -> tuple[Vectors, Flags]:
        """Return the documents' vectors and which of them have more tokens than are read.

        Args:
            texts: Documents.
            advance: Told how many more of them are done.
        """
        ...  # pragma: no cover
