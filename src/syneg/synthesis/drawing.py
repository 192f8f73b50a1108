"""From pairs to calls: the texts, and everything that is drawn for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.synthesis.anchors import Anchors
from syneg.synthesis.attributes import Attributes, draw_attributes, draw_place, draw_share
from syneg.synthesis.calls import Asked, Call, Candidate
from syneg.synthesis.candidates import CandidateRows
from syneg.synthesis.material import Document, length_in
from syneg.synthesis.options import SynthesisOptions
from syneg.synthesis.pairs import PairRows
from syneg.synthesis.profile import Profile

_PAIRS_AT_ONCE = 512
_SHORTEST = {"words": 5, "characters": 10}


class Drawing:
    """Makes the calls of queries; what is drawn depends on seed, query, positive and number.

    Args:
        dataset: Queries, corpus and judgements.
        split: The split whose positives count.
        options: Counts and caps.
        profile: The attribute pools.
        anchors: The shape of the collection.
        seed: Seed of everything that is drawn.
        mined: Candidates to rewrite (see `CandidateRows`); None where there are none.
    """

    def __init__(
        self,
        dataset: RetrievalDataset,
        split: str,
        options: SynthesisOptions,
        profile: Profile,
        anchors: Anchors,
        *,
        seed: int,
        mined: pa.Table | None = None,
    ) -> None:
        self.dataset = dataset
        self.options = options
        self.profile = profile
        self.anchors = anchors
        self.seed = seed
        self._candidates = None if mined is None else CandidateRows(dataset, split, mined)
        self._barred_samples = _queries_of_samples(dataset, split, anchors)

    def calls(self, pairs: PairRows, sample: int) -> Iterator[Call]:
        """Yield the calls of one sample number for some pairs, a piece of them in memory."""
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            queries = pairs.queries[start : start + _PAIRS_AT_ONCE]
            documents = pairs.documents[start : start + _PAIRS_AT_ONCE]
            taken = self.dataset.queries.take(pa.array(queries))
            columns = (
                queries.tolist(),
                taken["id"].to_pylist(),
                taken["text"].to_pylist(),
                self.dataset.document_ids(documents),
                self._documents(documents.tolist()),
            )
            for row, query_id, query, positive_id, positive in zip(*columns, strict=True):
                yield self._call(row, query_id, query or "", positive_id, positive, sample)

    def _call(
        self,
        row: int,
        query_id: str,
        query: str,
        positive_id: str,
        positive: Document,
        sample: int,
    ) -> Call:
        several = self.options.negatives_per_call
        candidate = self._candidate(row, query_id, positive_id, sample)
        barred = set(self._barred_samples.get(row, ()))
        if candidate is not None:
            # What is to be rewritten is no example of style alone.
            barred.add(candidate.document_id)
        return Call(
            query_id=query_id,
            positive_id=positive_id,
            sample=sample,
            seed=self.seed,
            query=query,
            positive=positive,
            asked=tuple(
                self._asked(query_id, positive_id, positive, sample * several + number)
                for number in range(several)
            ),
            samples=self.anchors.samples_without(barred),
            candidate=candidate,
        )

    def _asked(self, query_id: str, positive_id: str, positive: Document, number: int) -> Asked:
        drawn: Attributes | None = None
        factor = 1.0
        if self.options.draws_attributes:
            drawn = draw_attributes(
                self.profile,
                seed=self.seed,
                query_id=query_id,
                positive_id=positive_id,
                sample=number,
            )
            factor = self.profile.length[drawn.length]
        unit = self.anchors.unit
        share = draw_share(self.seed, query_id, positive_id, number, "size")
        wanted = self.anchors.length_near(length_in(unit, positive.text), share) * factor
        longest = self.options.longest_words
        if unit == "characters":
            longest = self.options.longest_unspaced
        title = self.anchors.title_length_near(length_in(unit, positive.title), share)
        return Asked(
            attributes=drawn,
            length=min(max(round(wanted), _SHORTEST[unit]), longest),
            title_length=title if positive.title else 0,
        )

    def _candidate(
        self, row: int, query_id: str, positive_id: str, sample: int
    ) -> Candidate | None:
        rows = [] if self._candidates is None else self._candidates.of(row).tolist()
        if not rows:
            return None
        place = draw_place(len(rows), sample, self.seed, query_id, positive_id, "candidate")
        (document,) = self._documents([rows[place]])
        return Candidate(self.dataset.document_ids([rows[place]])[0], document)

    def _documents(self, rows: Sequence[int]) -> list[Document]:
        taken = self.dataset.corpus.take(pa.array(rows, pa.int64()))
        titles, texts = taken["title"].to_pylist(), taken["text"].to_pylist()
        # A document that is all title would leave the model nothing to go by.
        return [
            Document(title or "", text) if text and text.strip() else Document("", title or "")
            for title, text in zip(titles, texts, strict=True)
        ]


def _queries_of_samples(
    dataset: RetrievalDataset, split: str, anchors: Anchors
) -> Mapping[int, set[str]]:
    """Return, by query row, the sample passages that are relevant to the query."""
    if not anchors.samples:
        return {}
    ids = [one.document_id for one in anchors.samples]
    positives = dataset.positives(split)
    documents = dataset.document_rows(positives["doc_id"])
    found = np.flatnonzero(np.isin(documents, dataset.document_rows(ids)))
    barred: dict[int, set[str]] = {}
    some = positives.take(pa.array(found))
    for row, document_id in zip(
        dataset.query_rows(some["query_id"]).tolist(), some["doc_id"].to_pylist(), strict=True
    ):
        barred.setdefault(row, set()).add(document_id)
    return barred
