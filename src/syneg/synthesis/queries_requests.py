"""Which documents queries are written for, and the requests that ask for them."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset, join_title
from syneg.errors import InputError
from syneg.filters.words import words
from syneg.llm.protocol import ChatRequest
from syneg.synthesis.attributes import draw_number
from syneg.synthesis.queries_options import QueryType
from syneg.synthesis.queries_prompt import QueryPrompt

_BATCH = 4096
# Servers take the sampler's seed as a signed number of 32 bits.
_SAMPLER_SEEDS = 2**31


@dataclass(frozen=True)
class ChosenDocuments:
    """The documents that queries are written for.

    Attributes:
        rows: Their corpus rows, in the order in which they are asked for.
        excluded: Documents left out because a split that must stay unseen knows them, or
            another document with the same words.
        too_short: Documents left out because they say too little.
        repeated: Documents left out because another one has the same words.
        wanted: How many were asked for; None means all.
    """

    rows: npt.NDArray[np.int64]
    excluded: int
    too_short: int
    repeated: int
    wanted: int | None


def choose_documents(
    dataset: RetrievalDataset,
    *,
    seed: int,
    most: int | None = None,
    fewest_words: int = 5,
    excluded: Collection[str] = (),
) -> ChosenDocuments:
    """Draw documents, each by the seed and its id alone.

    A larger `most` therefore keeps all documents of a smaller one. Of documents with the same
    words only one can be drawn: a query would fit all of them.

    Args:
        dataset: Its corpus.
        seed: Another seed, another draw.
        most: Most documents; None means all that are fit.
        fewest_words: Fewest words of title and text together.
        excluded: Ids of documents that must not be used, nor others with the same words.

    Raises:
        InputError: No document is left.

    Example:
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d1", "", "Cats purr when they are content."), ("d2", "", "Dogs")],
        ...     queries=[], qrels={})
        >>> chosen = choose_documents(data, seed=0)
        >>> chosen.rows.tolist(), chosen.too_short
        ([0], 1)
    """
    barred = pa.array(sorted(excluded), dataset.corpus.schema.field("id").type)
    draws, hashes = array("Q"), array("Q")
    fit: list[npt.NDArray[np.bool_]] = []
    for batch in dataset.corpus.select(["id", "title", "text"]).to_batches(max_chunksize=_BATCH):
        allowed = pc.invert(pc.is_in(batch.column("id"), value_set=barred)).to_numpy(False)
        long_enough = np.zeros(len(allowed), dtype=np.bool_)
        columns = (column.to_pylist() for column in batch.columns)
        for number, (name, title, text) in enumerate(zip(*columns, strict=True)):
            found = words(join_title(title, text))
            draws.append(draw_number(seed, name, "document"))
            hashes.append(_hash(found))
            long_enough[number] = len(found) >= fewest_words
        fit.append(np.stack([allowed, long_enough]))
    allowed, long_enough = np.concatenate(fit, axis=1)
    same_words = np.frombuffer(hashes, np.uint64)
    # What a copy says is known as well.
    allowed &= ~np.isin(same_words, same_words[~allowed])
    out = int((~allowed).sum())
    rows = np.flatnonzero(allowed & long_enough)
    rows = rows[np.argsort(np.frombuffer(draws, np.uint64)[rows], kind="stable")]
    _, firsts = np.unique(same_words[rows], return_index=True)
    unique = rows[np.sort(firsts)]
    if not len(unique):
        raise InputError(
            f"the data set '{dataset.name}' has no document to write queries for "
            f"({out} are excluded, {int((allowed & ~long_enough).sum())} have fewer than "
            f"{fewest_words} words)",
            remedy="give a larger corpus, or exclude less",
        )
    return ChosenDocuments(
        rows=unique[:most].astype(np.int64),
        excluded=out,
        too_short=int((allowed & ~long_enough).sum()),
        repeated=len(rows) - len(unique),
        wanted=most,
    )


class QueryRequests(Sequence[ChatRequest]):
    """The requests for the chosen documents, made when they are looked at.

    A corpus of millions therefore needs no list of millions of prompts.

    Args:
        dataset: Its corpus.
        rows: The documents, from `choose_documents`.
        prompt: What is sent.
        seed: Seed of the types and of the sampler.
    """

    def __init__(
        self,
        dataset: RetrievalDataset,
        rows: npt.NDArray[np.int64],
        prompt: QueryPrompt,
        *,
        seed: int,
    ) -> None:
        self._dataset = dataset
        self._rows = rows
        self._prompt = prompt
        self._seed = seed

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[ChatRequest]:
        for start in range(0, len(self._rows), _BATCH):
            yield from self._made(self._rows[start : start + _BATCH])

    @overload
    def __getitem__(self, place: int) -> ChatRequest: ...

    @overload
    def __getitem__(self, place: slice) -> QueryRequests: ...

    def __getitem__(self, place: int | slice) -> ChatRequest | QueryRequests:
        """Return one request, or a part of them."""
        if isinstance(place, slice):
            part = self._rows[place]
            return QueryRequests(self._dataset, part, self._prompt, seed=self._seed)
        return next(self._made(self._rows[[place]]))

    def _made(self, rows: npt.NDArray[np.int64]) -> Iterator[ChatRequest]:
        known = list(self._prompt.options.types)
        taken = self._dataset.corpus.select(["id", "title", "text"]).take(pa.array(rows))
        columns = (column.to_pylist() for column in taken.columns)
        for doc_id, title, text in zip(*columns, strict=True):
            types = draw_types(self._prompt, seed=self._seed, doc_id=doc_id)
            yield ChatRequest(
                system=self._prompt.system,
                user=self._prompt.user(title or "", text or "", types),
                schema=self._prompt.schema,
                temperature=self._prompt.options.temperature,
                max_tokens=self._prompt.options.max_tokens,
                seed=draw_number(self._seed, doc_id, "sampler") % _SAMPLER_SEEDS,
                tag=json.dumps({"doc_id": doc_id, "types": types, "known": known}),
            )


def draw_types(prompt: QueryPrompt, *, seed: int, doc_id: str) -> list[QueryType]:
    """Return the types of a document's queries: all in turn, in an order drawn for it.

    Example:
        >>> from syneg.synthesis.queries_options import QueryOptions
        >>> prompt = QueryPrompt(QueryOptions(per_document=4))
        >>> sorted(one.value for one in draw_types(prompt, seed=0, doc_id="d1"))
        ['claim', 'keyword', 'question', 'title-like']
    """
    pool = prompt.options.types
    order = sorted(pool, key=lambda one: draw_number(seed, doc_id, "type", one.value))
    return [order[number % len(order)] for number in range(prompt.options.per_document)]


def _hash(found: Sequence[str]) -> int:
    text = " ".join(found).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
