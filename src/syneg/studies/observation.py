"""What the instruments say of one cell: similarities by source, and harm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from syneg.datasets.dataset import join_title
from syneg.encoders.encoder import Encoder, Vectors
from syneg.negatives.pool import stands
from syneg.seeding import generator_for
from syneg.studies.ground import Ground
from syneg.studies.instruments.gradients import gradient_shares
from syneg.studies.instruments.harm import harm, query_independent_scores
from syneg.studies.instruments.similarity import above_positive, similarity_histograms

_PAIRS = 200
_DOCUMENTS = 500
CORPUS, POSITIVE, MINED, REWRITTEN = "corpus", "positive", "dense", "rewritten positive"


@dataclass(frozen=True)
class Sample:
    """The texts that are looked at before and after training, the same for every cell.

    Attributes:
        queries: Texts of some training queries, q of them.
        positives: Corpus row of each one's positive.
        documents: Corpus rows drawn at random.
        mined: (number of the query, corpus row) of accepted dense negatives.
        written: By name of the recorded set: (number of the query, text).
    """

    queries: list[str]
    positives: list[int]
    documents: list[int]
    mined: list[tuple[int, int]]
    written: dict[str, list[tuple[int, str]]]


def draw_sample(ground: Ground) -> Sample:
    """Draw up to 200 training pairs with their texts, and 500 documents."""
    order = generator_for(0, "observation pairs").permutation(len(ground.pairs))
    # One pair of each query: the one that texts were written against.
    drawn = {ground.pairs[place][0]: ground.pairs[place] for place in reversed(order.tolist())}
    pairs = list(drawn.values())[-_PAIRS:]
    number = {pair[0]: place for place, pair in enumerate(pairs)}
    dataset = ground.dataset
    rows = generator_for(0, "observation documents").permutation(dataset.corpus.num_rows)
    written = {name: _texts(ground, name, number) for name in ground.recorded}
    rewritten = [
        (number[pair[0]], ground.rewrites[pair]) for pair in pairs if pair in ground.rewrites
    ]
    if rewritten:
        written[REWRITTEN] = rewritten
    return Sample(
        queries=dataset.query_texts([query_id for query_id, _ in pairs]),
        positives=dataset.document_rows([positive_id for _, positive_id in pairs]).tolist(),
        documents=rows[:_DOCUMENTS].tolist(),
        mined=_mined(ground, number),
        written={name: texts for name, texts in written.items() if len(texts) > 1},
    )


def _texts(ground: Ground, name: str, number: dict[str, int]) -> list[tuple[int, str]]:
    table = ground.pool.negatives(name)
    columns = (table[column].to_pylist() for column in ("query_id", "title", "text"))
    return [
        (number[query_id], join_title(title, text))
        for query_id, title, text in zip(*columns, strict=True)
        if query_id in number and text
    ]


def _mined(ground: Ground, number: dict[str, int]) -> list[tuple[int, int]]:
    """Return the nearest five accepted dense negatives of each query."""
    table = ground.pool.negatives(MINED)
    table = table.filter(stands(table, ground.pool.verdicts("mined")))
    found: dict[str, list[str]] = {}
    columns = (table[column].to_pylist() for column in ("query_id", "doc_id"))
    for query_id, doc_id in zip(*columns, strict=True):
        if query_id in number:
            found.setdefault(query_id, []).append(doc_id)
    pairs = [(number[query], doc_id) for query, docs in found.items() for doc_id in docs[:5]]
    rows = ground.dataset.document_rows([doc_id for _, doc_id in pairs]).tolist()
    return [(query, row) for (query, _), row in zip(pairs, rows, strict=True)]


@dataclass(frozen=True)
class Seen:
    """What one model makes of a sample.

    Attributes:
        own: Similarity of each text to its own query, by kind of text.
        positive: Similarity of the positive to the query of each such text, by kind.
        others: Mean similarity of each text to the other queries, by kind.
        gradient: By recorded set, of instances with one synthetic and one mined negative:
            the synthetic one's mean share of the gradient, and the cosine between the
            directions in which the two move the query.
    """

    own: dict[str, npt.NDArray[np.float64]]
    positive: dict[str, npt.NDArray[np.float64]]
    others: dict[str, npt.NDArray[np.float64]]
    gradient: dict[str, dict[str, float]]


def look(sample: Sample, encoder: Encoder, corpus: Vectors, temperature: float) -> Seen:
    """Score a sample with a model.

    Args:
        sample: The texts.
        encoder: The model.
        corpus: The corpus under it, one row per document.
        temperature: τ of the loss.
    """
    queries = encoder.encode_queries(sample.queries)
    positives = corpus[sample.positives]
    kinds: dict[str, tuple[Vectors, list[int]]] = {
        POSITIVE: (positives, list(range(len(positives)))),
        CORPUS: (corpus[sample.documents], [-1] * len(sample.documents)),
    }
    if sample.mined:
        own, rows = zip(*sample.mined, strict=True)
        kinds[MINED] = (corpus[list(rows)], list(own))
    for name, texts in sample.written.items():
        vectors = encoder.encode_documents([text for _, text in texts])
        kinds[name] = (vectors, [own for own, _ in texts])
    similar = np.einsum("ij,ij->i", queries, positives).astype(float)
    seen = Seen({}, {}, {}, {})
    for name, (vectors, numbers) in kinds.items():
        seen.others[name] = query_independent_scores(vectors, queries, numbers)
        if name == CORPUS:
            continue
        seen.own[name] = np.einsum("ij,ij->i", vectors, queries[numbers]).astype(float)
        seen.positive[name] = similar[numbers]
        if name in sample.written and name != REWRITTEN and MINED in kinds:
            seen.gradient[name] = _gradient(
                queries, positives, (vectors, numbers), kinds[MINED], temperature
            )
    return seen


def _gradient(
    queries: Vectors,
    positives: Vectors,
    synthetic: tuple[Vectors, list[int]],
    mined: tuple[Vectors, list[int]],
    temperature: float,
) -> dict[str, float]:
    first = {own: place for place, own in reversed(list(enumerate(mined[1])))}
    places = [(place, own) for place, own in enumerate(synthetic[1]) if own in first]
    if not places:
        return {}
    own = [one for _, one in places]
    pairs = np.stack(
        [synthetic[0][[place for place, _ in places]], mined[0][[first[one] for one in own]]],
        axis=1,
    )
    kinds = np.tile(np.array([True, False]), (len(own), 1))
    shares = gradient_shares(queries[own], positives[own], pairs, kinds, temperature=temperature)
    return {
        "share": round(float(shares.synthetic_share.mean()), 4),
        "cosine": round(float(np.nanmean(shares.cosine)), 4),
    }


def compare(before: Seen, after: Seen) -> dict[str, Any]:
    """Return what training changed, as plain values for a cell's result.

    "harm" is the change of a kind's similarity to queries that are not its own, beside that
    of corpus documents. "gap" is how far below its positive a kind's texts are.
    """
    harms = {
        kind: {"difference": one.difference, "low": one.low, "high": one.high}
        for kind, one in harm(before.others, after.others, CORPUS).items()
        if kind != CORPUS
    }
    kinds = [kind for kind in after.own if kind != POSITIVE]
    return {
        "harm": harms,
        "similarity before": _means(before.own),
        "similarity after": _means(after.own),
        "gap before": _means({kind: before.positive[kind] - before.own[kind] for kind in kinds}),
        "gap after": _means({kind: after.positive[kind] - after.own[kind] for kind in kinds}),
        "above the positive before": {
            kind: above_positive(before.own[kind], before.positive[kind]) for kind in kinds
        },
        "above the positive after": {
            kind: above_positive(after.own[kind], after.positive[kind]) for kind in kinds
        },
        "gradient before": before.gradient,
        "gradient after": after.gradient,
        "histograms": {
            "before": similarity_histograms(before.own),
            "after": similarity_histograms(after.own),
        },
    }


def _means(values: dict[str, npt.NDArray[np.float64]]) -> dict[str, float]:
    return {kind: round(float(one.mean()), 4) for kind, one in values.items()}
