"""Finding synthetic texts that stand elsewhere, word by word: in the pool or in the corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import pyarrow as pa

from syneg.filters.gates import Finding
from syneg.filters.words import words

_BATCH = 16_384
_DIGEST = 16


def find_duplicates(ids: pa.Array, texts: pa.Array, corpus: pa.Table) -> dict[str, Finding]:
    """Judge each text against all others and against the corpus.

    Texts are compared by their words: without regard to case, punctuation, spacing and what
    is not seen. Of equal texts the one with the smallest id is kept, so the order of the pool
    does not matter. A text without words equals none.

    Args:
        ids: The negatives' ids, each once.
        texts: Their texts.
        corpus: Columns of `CORPUS_SCHEMA`; read in batches, never copied as a whole. Of the
            texts 16 bytes each are held.

    Returns:
        Findings by id, of the texts that stand elsewhere alone. The score is the number of
        other places.

    Example:
        >>> from syneg.datasets.dataset import RetrievalDataset
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d", "", "Dogs bark.")], queries=[], qrels={})
        >>> texts = pa.array(["Cats purr", "cats  purr!", "dogs bark"])
        >>> found = find_duplicates(pa.array(["a", "b", "c"]), texts, data.corpus)
        >>> found["a"].drop, found["b"].reason, found["c"].reason
        (False, 'same text as the synthetic negative a', 'same text as the document d')
    """
    same: dict[bytes, list[str]] = {}
    for start in range(0, len(ids), _BATCH):
        part = ids.slice(start, _BATCH).to_pylist()
        digests = text_digests(texts.slice(start, _BATCH).to_pylist())
        for one, digest in zip(part, digests, strict=True):
            if digest is not None:
                same.setdefault(digest, []).append(one)
    documents = _documents_with(same, corpus)
    findings: dict[str, Finding] = {}
    for digest, members in same.items():
        document = documents.get(digest)
        places = float(len(members) - 1 + (document is not None))
        first = min(members)
        for one in members:
            if document is not None:
                findings[one] = Finding(True, places, f"same text as the document {document}")
            elif one != first:
                reason = f"same text as the synthetic negative {first}"
                findings[one] = Finding(True, places, reason)
            elif places:
                findings[one] = Finding(False, places)
    return findings


def text_digests(texts: Iterable[str | None]) -> list[bytes | None]:
    """Return 16 bytes for each text that equal texts share; None for those without words.

    Example:
        >>> first, second, third = text_digests(["Cats purr.", "cats PURR", "?"])
        >>> first == second, third is None
        (True, True)
    """
    plain = (" ".join(words(text)) if text else "" for text in texts)
    return [
        hashlib.blake2b(one.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
        if one
        else None
        for one in plain
    ]


def _documents_with(same: dict[bytes, list[str]], corpus: pa.Table) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    if not same:
        return found
    for batch in corpus.select(["id", "text"]).to_batches(max_chunksize=_BATCH):
        digests = text_digests(batch.column("text").to_pylist())
        for row, digest in enumerate(digests):
            if digest is not None and digest in same and digest not in found:
                found[digest] = batch.column("id")[row].as_py()
    return found
