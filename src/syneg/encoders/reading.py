"""From texts to a model's inputs: tokenised once, then dealt out batch by batch."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from syneg.encoders.batches import CHARACTERS_PER_TOKEN, Numbers, cut_text

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class TokenizedTexts:
    """Texts as a model's inputs, padded to the longest of them.

    Attributes:
        features: What the model's first module takes.
        lengths: Tokens of each text, shape (n,); None if the model has no padded inputs, and
            all texts must go through it together.
        truncated: Which texts have more tokens than the model reads, shape (n,).
    """

    features: Mapping[str, Any]
    lengths: Numbers | None
    truncated: npt.NDArray[np.bool_]

    def batch(self, rows: Numbers) -> dict[str, Any]:
        """Return the inputs of some of the texts, padded to the longest of these alone."""
        import torch

        mask = self.features["attention_mask"]
        places = torch.from_numpy(np.ascontiguousarray(rows))
        # Padding may lie on either side.
        used = mask[places].any(dim=0).nonzero()
        first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        batch: dict[str, Any] = {}
        for name, value in self.features.items():
            if not isinstance(value, torch.Tensor) or value.shape[:1] != mask.shape[:1]:
                batch[name] = value
            elif value.shape[:2] == mask.shape:
                batch[name] = value[places, first:last]
            else:
                batch[name] = value[places]
        return batch


class TextReader:
    """Tokenises for one sentence-transformers model.

    Args:
        model: A `SentenceTransformer`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def limit(self, task: str | None = None) -> int | None:
        """Return how many tokens the model reads of a text; None if there is no limit."""
        own = None if task is None else getattr(self.model[0], f"{task}_length", None)
        limit = self.model.max_seq_length if own is None else own
        return None if limit is None or math.isinf(limit) else int(limit)

    def read(
        self, texts: Sequence[str], *, prompt: str | None = None, task: str | None = None
    ) -> TokenizedTexts:
        """Tokenise at least one text.

        A long text is cut before it is tokenised. One that then does not fill the model (long
        runs of blanks give few tokens) is cut later and read again, so that the model gets the
        tokens that it would have got of the whole text.

        Args:
            texts: The texts, without the prompt.
            prompt: Put before each of them.
            task: "query" or "document", for models that treat the two differently.
        """
        limit = self.limit(task) if self._keeps_the_beginning() else None
        characters = np.full(len(texts), (limit or 0) * CHARACTERS_PER_TOKEN)
        while True:
            read = [
                text if limit is None else cut_text(text, int(most))
                for text, most in zip(texts, characters, strict=True)
            ]
            cut = np.array([len(a) < len(b) for a, b in zip(read, texts, strict=True)], dtype=bool)
            features, lengths = self._tokenize(read, prompt, task)
            if lengths is None and cut.any():
                # Nothing tells whether what was kept fills the model.
                features, _ = self._tokenize(list(texts), prompt, task)
                cut[:] = False
            short = (
                np.zeros(len(texts), bool) if lengths is None else cut & (lengths < (limit or 0))
            )
            if not short.any():
                return TokenizedTexts(features, lengths, cut | self._overflowing(features, texts))
            characters[short] *= 4

    def _tokenize(
        self, texts: list[str], prompt: str | None, task: str | None
    ) -> tuple[Mapping[str, Any], Numbers | None]:
        given: dict[str, Any] = {} if task is None else {"task": task}
        try:
            features = self.model.preprocess(texts, prompt=prompt, **given)
        except TypeError:
            # Tokenizers refuse halves of characters, which a language model can write.
            whole = [_LONE_SURROGATE.sub("\ufffd", text) for text in texts]
            if whole == texts:
                raise
            features = self.model.preprocess(whole, prompt=prompt, **given)
        mask = features.get("attention_mask")
        if mask is None or mask.ndim != 2 or len(mask) != len(texts):
            return features, None
        return features, mask.sum(dim=1).numpy().astype(np.int64)

    def _keeps_the_beginning(self) -> bool:
        tokenizer = getattr(self.model, "tokenizer", None)
        return getattr(tokenizer, "truncation_side", None) == "right"

    def _overflowing(
        self, features: Mapping[str, Any], texts: Sequence[str]
    ) -> npt.NDArray[np.bool_]:
        # Only tokenizers of the fast kind tell what they cut off.
        encodings = getattr(features, "encodings", None)
        if encodings and len(encodings) == len(texts):
            return np.array([bool(encoding.overflowing) for encoding in encodings], dtype=bool)
        limit = self.limit()
        if limit is None:
            return np.zeros(len(texts), dtype=bool)
        tokens = self.model.tokenizer(
            list(texts), truncation=False, return_length=True, verbose=False
        )
        return np.array([length > limit for length in tokens["length"]], dtype=bool)
