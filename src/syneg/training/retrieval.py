"""What negatives are retrieved from while a model is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from syneg.datasets.dataset import RetrievalDataset
from syneg.encoders.store import VectorStore
from syneg.mining.candidates import Integers, Positives
from syneg.mining.exclusions import NEAR_DUPLICATE
from syneg.mining.references import Reference
from syneg.mining.rule_kinds import KINDS
from syneg.mining.rules import Rule
from syneg.mining.source import split_positives
from syneg.negatives.pool import stands
from syneg.training.examples import TrainingExamples

# The last is what an earlier version called perc-pos.
_BY_RULE = [*KINDS, "percentage-of-positive"]
REFUSED_SCHEMA = pa.schema([("query_id", pa.string()), ("doc_id", pa.string())])


@dataclass(frozen=True)
class Retrieval:
    """What negatives are retrieved from while training, and by which rules.

    Attributes:
        instances: The mixture, columns of `INSTANCE_SCHEMA`.
        negatives: The pool, columns of `NEGATIVE_SCHEMA`.
        dataset: Queries, corpus and judgements.
        split: The split that is trained on.
        vectors: The corpus under the starting model.
        examples: Makes the texts of instances, given these and what their negatives' ids mean.
        rules: Rules of selection, by the similarities of the moment.
        reference: Which positive the rules hold candidates against.
        near_duplicate: See `exclude_by_text`.
        window: Only the first so many candidates that the rules leave are drawn from.
        refused: Columns of `REFUSED_SCHEMA`: documents that are never a query's negative
            although no judgement says so; see `refused_pairs`.
        siblings: Which rows of the corpus were cut from one document (see
            `syneg.mining.siblings.source_documents`): those of a positive are never negatives.
            None where it does not matter.
    """

    instances: pa.Table
    negatives: pa.Table
    dataset: RetrievalDataset
    split: str
    vectors: VectorStore
    examples: Callable[[pa.Table, pa.Table], TrainingExamples]
    rules: tuple[Rule, ...] = ()
    reference: Reference = Reference.NEAREST
    near_duplicate: float | None = NEAR_DUPLICATE
    window: int = 30
    refused: pa.Table = field(default_factory=REFUSED_SCHEMA.empty_table)
    siblings: Integers | None = None

    @cached_property
    def trained(self) -> RetrievalDataset:
        """The data set with the judgements of the queries that are trained on alone."""
        judged = self.dataset.judgements(self.split)
        ids = pc.unique(self.instances["query_id"]).cast(judged["query_id"].type)
        kept = judged.filter(pc.is_in(judged["query_id"], value_set=ids))
        return self.dataset.with_qrels({self.split: kept})

    @cached_property
    def positives(self) -> Positives:
        """The known positives of the queries that are trained on."""
        return split_positives(self.trained, self.split)

    def refused_keys(self, dataset: RetrievalDataset) -> Integers:
        """Return which documents are refused, or the positive of one of the query's instances.

        Args:
            dataset: Whose corpus rows are meant: `dataset`, or a part of it from `within`.

        Returns:
            Numbers in the order of `candidate_keys`.
        """
        known = pa.array(self.positives.query_ids, pa.string())
        keys = []
        for queries, documents in (
            (self.refused["query_id"], self.refused["doc_id"]),
            # A positive that was relabelled stands in no judgement.
            (self.instances["query_id"], self.instances["positive_id"]),
        ):
            found = pc.fill_null(pc.index_in(queries.cast(pa.string()), value_set=known), -1)
            owners = np.asarray(found.to_numpy(), np.int64)
            rows = dataset.document_rows(documents.cast(pa.large_string()))
            there = (owners >= 0) & (rows >= 0)
            keys.append(candidate_keys(owners[there], rows[there], dataset))
        return np.unique(np.concatenate(keys))

    def within(self, most: int) -> RetrievalDataset:
        """Return the data set with at most so many documents, positives always among them.

        Of a larger corpus those stay that were mined for the queries before, best ranks first.
        """
        whole = self.trained
        if whole.corpus.num_rows <= most:
            return whole
        wanted = dict.fromkeys(np.unique(self.positives.documents).tolist())
        for row in self._mined_rows():
            if len(wanted) >= most:
                break
            wanted[row] = None
        return replace(whole, corpus=whole.corpus.take(pa.array(sorted(wanted), pa.int64())))

    def siblings_in(self, dataset: RetrievalDataset) -> Integers | None:
        """Return `siblings` for the rows of a part of the corpus, from `within`."""
        if self.siblings is None:
            return None
        return self.siblings[self.dataset.document_rows(dataset.corpus["id"])]

    def _mined_rows(self) -> list[int]:
        ids = pc.unique(self.instances["query_id"])
        mined = self.negatives.filter(pc.is_valid(self.negatives["doc_id"]))
        mined = mined.filter(pc.is_in(mined["query_id"], value_set=ids.cast(pa.string())))
        order = [(name, "ascending") for name in ("rank", "query_id", "source", "doc_id")]
        mined = mined.select([name for name, _ in order]).sort_by(order)
        rows = self.dataset.document_rows(mined["doc_id"].cast(pa.large_string()))
        found: list[int] = rows[rows >= 0].tolist()
        return found


def candidate_keys(owners: Integers, documents: Integers, dataset: RetrievalDataset) -> Integers:
    """Return one number for each pair of a query's place and a corpus row."""
    keys: Integers = owners * dataset.corpus.num_rows + documents
    return keys


def refused_pairs(negatives: pa.Table, verdicts: pa.Table) -> pa.Table:
    """Return the mined pairs that a judge or a person refuses, columns of `REFUSED_SCHEMA`.

    What only the rules of selection removed is not among them: they are asked anew, by the
    similarities of the moment.

    Args:
        negatives: The pool, columns of `NEGATIVE_SCHEMA`.
        verdicts: Columns of `VERDICT_SCHEMA`.

    Example:
        >>> from syneg.negatives.record import Negative, to_table
        >>> from syneg.negatives.verdict import Decision, Verdict, now, verdicts_to_table
        >>> pool = to_table([Negative(negative_id=one, query_id="q", positive_id="p",
        ...                           source="bm25", doc_id=one) for one in ("a", "b")])
        >>> judged = verdicts_to_table([
        ...     Verdict(negative_id=one, filter=name, fingerprint="f", decision=Decision.DROP,
        ...             time=now()) for one, name in (("a", "perc-pos"), ("b", "judge"))])
        >>> refused_pairs(pool, judged).to_pylist()
        [{'query_id': 'q', 'doc_id': 'b'}]
    """
    by_rule = pc.is_in(verdicts["filter"], value_set=pa.array(_BY_RULE, pa.string()))
    mined = negatives.filter(pc.is_valid(negatives["doc_id"]))
    gone = mined.filter(pc.invert(stands(mined, verdicts.filter(pc.invert(by_rule)))))
    return gone.select(REFUSED_SCHEMA.names).cast(REFUSED_SCHEMA)
