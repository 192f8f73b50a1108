"""What the collection looks like: lengths, titles, endings and sample passages."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.files import value_hash
from syneg.seeding import generator_for
from syneg.synthesis.material import Document, Unit, as_data, length_in, unit_of

_DOCUMENTS_READ = 5_000
_STEPS = 100
_SAMPLE_WORDS = 40
_SPARE_SAMPLES = 8
# How far, in ranks, the length asked for may be from that of the positive, and how far as a
# multiple: what is "approximately the same" must stay that.
_RANK_WINDOW = 0.15
_LEAST, _MOST = 0.75, 1.33
_MOSTLY = 0.5
_CLOSED = re.compile(r"""[.!?…:;。！？؟।][)\]"'”’»\s]*$""")


@dataclass(frozen=True, slots=True)
class Sample:
    """A passage of the collection that shows its style."""

    document_id: str
    title: str
    text: str


@dataclass(frozen=True)
class Anchors:
    """What the shape of a collection asks of texts that shall stand among its documents.

    Attributes:
        unit: What lengths are counted in.
        lengths: Lengths of the documents' texts at 101 evenly spaced ranks, shortest first;
            empty where the collection shall not shape the length.
        title_lengths: The same for titles of the documents that have one.
        open_ended: Whether most documents end without closing punctuation.
        samples: Passages, each with its document's id, the best first; more than are shown,
            so that one which is relevant to a query can be passed over for that query.
        shown: Passages shown in a prompt.
    """

    unit: Unit = "words"
    lengths: tuple[int, ...] = ()
    title_lengths: tuple[int, ...] = ()
    open_ended: bool = False
    samples: tuple[Sample, ...] = ()
    shown: int = 0

    @property
    def fingerprint(self) -> str:
        """Hash of all that can shape a prompt."""
        return value_hash(asdict(self))

    def length_near(self, length: int, share: float) -> int:
        """Return a length of the collection near a given one.

        It is the collection's length at a rank drawn evenly from within 15 percent of the
        documents on either side of the given length, kept between three quarters and four
        thirds of it. Over many texts the lengths so follow the collection's, and the
        length of a text tells neither its positive's nor that it was asked for.

        Args:
            length: Length of the positive.
            share: Where in the window, in [0, 1).

        Example:
            >>> Anchors(lengths=tuple(range(101))).length_near(50, 0.0)
            38
            >>> Anchors().length_near(50, 0.9)
            50
        """
        drawn = _drawn(self.lengths, length, share)
        return round(min(max(drawn, length * _LEAST), length * _MOST))

    def title_length_near(self, length: int, share: float) -> int:
        """Return a title length of the collection near a given one; 0 where none is known."""
        return max(1, round(_drawn(self.title_lengths, length, share))) if self.title_lengths else 0

    def samples_without(self, document_ids: Collection[str]) -> tuple[Sample, ...]:
        """Return the passages to show where these documents must not be: those of a query."""
        kept = [one for one in self.samples if one.document_id not in document_ids]
        return tuple(kept[: self.shown])


def measure_anchors(dataset: RetrievalDataset, shown: int, *, seed: int) -> Anchors:
    """Measure the shape of a collection on 5,000 documents at most, drawn by the seed.

    The passages are of documents between the first and the third quartile of length. They are
    chosen without a look at the judgements, so that adding queries changes no prompt.

    Args:
        dataset: The collection.
        shown: Passages to show in a prompt; with 0 only the unit of length is taken from the
            collection.
        seed: Seed of the draw.

    Example:
        >>> data = RetrievalDataset.from_rows("tiny", queries=[], qrels={},
        ...     corpus=[("a", "Cats", "Cats purr softly."), ("b", "", "Dogs bark at night.")])
        >>> measure_anchors(data, 1, seed=0).title_lengths[:2]
        (1, 1)
    """
    count = dataset.corpus.num_rows
    order = generator_for(seed, "style anchors").permutation(count)[:_DOCUMENTS_READ]
    ids, documents = _read(dataset, order.tolist())
    texts = [one.text for one in documents if one.text]
    unit: Unit = "words"
    if sum(unit_of(text) == "characters" for text in texts) > _MOSTLY * len(texts):
        unit = "characters"
    if not shown or not texts:
        return Anchors(unit=unit)
    lengths = _ranks([length_in(unit, text) for text in texts])
    return Anchors(
        unit=unit,
        lengths=lengths,
        title_lengths=_ranks([length_in(unit, one.title) for one in documents if one.title]),
        open_ended=sum(not _CLOSED.search(text) for text in texts) > _MOSTLY * len(texts),
        samples=_samples(ids, documents, unit, lengths, shown + _SPARE_SAMPLES),
        shown=shown,
    )


def _read(dataset: RetrievalDataset, rows: list[int]) -> tuple[list[str], list[Document]]:
    taken = dataset.corpus.take(pa.array(rows, pa.int64()))
    titles, texts = taken["title"].to_pylist(), taken["text"].to_pylist()
    documents = [
        Document((title or "").strip(), (text or "").strip())
        for title, text in zip(titles, texts, strict=True)
    ]
    return taken["id"].to_pylist(), documents


def _samples(
    ids: Sequence[str],
    documents: Sequence[Document],
    unit: Unit,
    lengths: Sequence[int],
    count: int,
) -> tuple[Sample, ...]:
    shortest, longest = lengths[_STEPS // 4], lengths[_STEPS * 3 // 4]
    found: list[Sample] = []
    for document_id, (title, text) in zip(ids, documents, strict=True):
        if len(found) == count:
            break
        if text and shortest <= length_in(unit, text) <= longest:
            shown = as_data(title, _SAMPLE_WORDS), as_data(text, _SAMPLE_WORDS)
            found.append(Sample(document_id, *shown))
    return tuple(found)


def _ranks(lengths: Sequence[int]) -> tuple[int, ...]:
    if not lengths:
        return ()
    shares = np.linspace(0, 1, _STEPS + 1)
    return tuple(int(one) for one in np.quantile(lengths, shares, method="nearest"))


def _drawn(lengths: Sequence[int], length: int, share: float) -> float:
    if not lengths:
        return length
    middle = (bisect_left(lengths, length) + bisect_right(lengths, length) - 1) / 2 / _STEPS
    lowest = min(max(middle - _RANK_WINDOW, 0), 1 - 2 * _RANK_WINDOW)
    place = (lowest + 2 * _RANK_WINDOW * share) * _STEPS
    below = int(place)
    above = min(below + 1, _STEPS)
    return lengths[below] + (lengths[above] - lengths[below]) * (place - below)
