"""Finding synthetic texts that stand elsewhere: in the pool or in the corpus."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from syneg.filters.gates import FINE, Finding

_BATCH = 65_536


def find_duplicates(texts: Mapping[str, str], corpus: pa.Table) -> dict[str, Finding]:
    """Judge each text against all others and against the corpus.

    Texts are compared without regard to case, punctuation and spacing. Of equal texts the
    one with the smallest id is kept, so the order of the pool does not matter.

    Args:
        texts: Text by negative id.
        corpus: Columns of `CORPUS_SCHEMA`; read in batches, never copied as a whole.

    Returns:
        A finding by negative id; the score is the number of other places with the text.

    Example:
        >>> from syneg.datasets.dataset import RetrievalDataset
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d", "", "Dogs bark.")], queries=[], qrels={})
        >>> found = find_duplicates({"a": "Cats purr", "b": "cats  purr!", "c": "dogs bark"},
        ...                         data.corpus)
        >>> found["a"].drop, found["b"].reason, found["c"].reason
        (False, 'same text as the synthetic negative a', 'same text as the document d')
    """
    if not texts:
        return {}
    plain = _plain(pa.array(texts.values(), pa.large_string())).to_pylist()
    same: dict[str, list[str]] = {}
    for negative_id, text in zip(texts, plain, strict=True):
        same.setdefault(text, []).append(negative_id)
    documents = _documents_with(pa.array(same, pa.large_string()), corpus)
    findings = {}
    for text, ids in same.items():
        first = min(ids)
        for one in ids:
            places = float(len(ids) - 1 + (text in documents))
            if text in documents:
                reason = f"same text as the document {documents[text]}"
                findings[one] = Finding(True, places, reason)
            elif one != first:
                reason = f"same text as the synthetic negative {first}"
                findings[one] = Finding(True, places, reason)
            else:
                findings[one] = Finding(False, places) if places else FINE
    return findings


def _documents_with(plain: pa.Array, corpus: pa.Table) -> dict[str, str]:
    found: dict[str, str] = {}
    for batch in corpus.select(["id", "text"]).to_batches(max_chunksize=_BATCH):
        texts = _plain(batch.column("text"))
        matches = pc.fill_null(pc.is_in(texts, value_set=plain.cast(texts.type)), False)
        ids = batch.column("id").filter(matches).to_pylist()
        for text, document_id in zip(texts.filter(matches).to_pylist(), ids, strict=True):
            found.setdefault(text, document_id)
    return found


def _plain(texts: pa.Array) -> pa.Array:
    spaced = pc.replace_substring_regex(texts, pattern=r"[^\pL\pN]+", replacement=" ")
    return pc.utf8_lower(pc.utf8_trim_whitespace(spaced))
