"""One function for each format: from examples to rows with the field names of the reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from syneg.negatives.export_records import Example, Passage, Row

TAG = "syneg"
_SPACES = re.compile(r"\s")


def n_tuples(examples: Iterator[Example], negatives: int) -> Iterator[Row]:
    """Yield anchor, positive, negative_1 … negative_n: sentence-transformers reads them in order.

    Args:
        examples: Each with at least so many negatives.
        negatives: How many of them a row has.
    """
    for one in examples:
        chosen = {
            f"negative_{number}": passage.whole
            for number, passage in enumerate(one.negatives[:negatives], start=1)
        }
        for positive in one.positives:
            yield {"anchor": one.query, "positive": positive.whole, **chosen}


def triplets(examples: Iterator[Example]) -> Iterator[Row]:
    """Yield anchor, positive, negative: a row for each pair of a positive and a negative."""
    for one in examples:
        for positive in one.positives:
            for negative in one.negatives:
                yield {
                    "anchor": one.query,
                    "positive": positive.whole,
                    "negative": negative.whole,
                }


def flag_embedding(examples: Iterator[Example]) -> Iterator[Row]:
    """Yield query, pos, neg; where all similarities are known, pos_scores and neg_scores."""
    for one in examples:
        row = {
            "query": one.query,
            "pos": [passage.whole for passage in one.positives],
            "neg": [passage.whole for passage in one.negatives],
        }
        scores = {
            "pos_scores": [passage.similarity for passage in one.positives],
            "neg_scores": [passage.similarity for passage in one.negatives],
        }
        known = all(score is not None for column in scores.values() for score in column)
        yield {**row, **scores} if known else row


def tevatron(examples: Iterator[Example]) -> Iterator[Row]:
    """Yield ids alone; Tevatron looks the texts up in the corpus file."""
    for one in examples:
        yield {
            "query_id": one.query_id,
            "query_text": one.query,
            "positive_document_ids": [passage.doc_id for passage in one.positives],
            "negative_document_ids": [passage.doc_id for passage in one.negatives],
        }


def tevatron_older(examples: Iterator[Example]) -> Iterator[Row]:
    """Yield query_id, query, positive_passages and negative_passages, each with its text."""
    for one in examples:
        yield {
            "query_id": one.query_id,
            "query": one.query,
            "positive_passages": [_passage(passage) for passage in one.positives],
            "negative_passages": [_passage(passage) for passage in one.negatives],
        }


def trec_run(examples: Iterator[Example]) -> Iterator[Row]:
    """Yield the lines of a run file, best first; white space in ids is percent-encoded.

    Tools order a run by its scores, so these fall with the rank, whatever sources were mixed:
    they are the reciprocals of the places.
    """
    for one in examples:
        for place, passage in enumerate(one.negatives, start=1):
            ids = (_SPACES.sub(_encoded, name) for name in (one.query_id, passage.doc_id))
            query_id, doc_id = ids
            yield {"line": f"{query_id} Q0 {doc_id} {place} {1 / place:.6f} {TAG}"}


def json_lines(examples: Iterator[Example]) -> Iterator[Row]:
    """Yield all that is known of each query."""
    for one in examples:
        yield {
            "query_id": one.query_id,
            "query": one.query,
            "positives": [
                {**_passage(passage), "similarity": passage.similarity} for passage in one.positives
            ],
            "negatives": [
                {
                    **_passage(passage),
                    "source": passage.source,
                    "rank": passage.rank,
                    "score": passage.score,
                    "similarity": passage.similarity,
                }
                for passage in one.negatives
            ],
        }


def _passage(passage: Passage) -> dict[str, str]:
    return {"docid": passage.doc_id, "title": passage.title, "text": passage.text}


def _encoded(found: re.Match[str]) -> str:
    return quote(found.group())
