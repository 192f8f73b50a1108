"""Phase 1 as one object: exchanges out, negatives in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property

import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.llm.exchange import AnswerStore
from syneg.negatives.record import NEGATIVE_SCHEMA, Negative, to_table
from syneg.synthesis.anchors import measure_anchors
from syneg.synthesis.calls import advance_from
from syneg.synthesis.drawing import Drawing
from syneg.synthesis.exchanges import WritingExchange
from syneg.synthesis.flows import flow_for
from syneg.synthesis.options import SynthesisOptions
from syneg.synthesis.pairs import PairRows, first_pairs
from syneg.synthesis.preview import PreviewedCall, preview_call
from syneg.synthesis.profile import Profile
from syneg.synthesis.records import Price, records_of
from syneg.synthesis.wording import Wording

_RECORDS_AT_ONCE = 1_000


class Writer:
    """Has a language model write negatives for the queries of a split.

    Each query is paired with its first positive. What is asked for a query, positive and number
    depends on their texts, the collection's documents, profile, options and seed, and on no
    other query: when queries are added later, only what is new is asked.

    Args:
        dataset: Queries, judgements and corpus.
        split: The split to write for, as a rule "train".
        options: Which prompt, how many, and caps.
        profile: What relevance and style mean in the collection, and the attribute pools.
        seed: Seed of the run, used where `options.seed` is None.
        mined: Columns query_id and doc_id, each query's best first: the documents that the
            prompt "causal" may rewrite. Without any it writes from scratch.

    Raises:
        InputError: The split is unknown, or `mined` lacks a column.

    Example:
        >>> from syneg.synthesis.profile import load_profile
        >>> data = RetrievalDataset.from_rows(
        ...     "tiny", corpus=[("d", "", "Air scatters blue light.")],
        ...     queries=[("q", "why is the sky blue")], qrels={"train": [("q", "d", 1)]})
        >>> writer = Writer(data, "train", SynthesisOptions(), load_profile("generic"), seed=0)
        >>> [exchange.call.query_id for exchange in writer.exchanges()]
        ['q']
        >>> writer.preview("q")[0].messages.user.splitlines()[1]
        'why is the sky blue'
    """

    def __init__(
        self,
        dataset: RetrievalDataset,
        split: str,
        options: SynthesisOptions,
        profile: Profile,
        *,
        seed: int,
        mined: pa.Table | None = None,
    ) -> None:
        self.dataset = dataset
        self.split = split
        self.options = options
        self._seed = seed if options.seed is None else options.seed
        anchors = measure_anchors(dataset, options.anchors, seed=self._seed)
        self._flow = flow_for(Wording(profile, options, anchors))
        self._drawing = Drawing(
            dataset, split, options, profile, anchors, seed=self._seed, mined=mined
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that shapes the wording: every template, form, profile, caps, anchors."""
        return self._flow.fingerprint

    @property
    def writes_positives(self) -> bool:
        """Whether the texts are rewritten positives and no negatives."""
        return self.options.prompt == "rewrite"

    def refuse_positives(self) -> None:
        """Make sure that what is written are negatives, before anything is spent.

        Raises:
            InputError: The prompt writes positives.
        """
        if self.writes_positives:
            raise InputError(
                "the prompt writes positives anew, which are no negatives",
                field="synthesis.prompt",
                value=self.options.prompt,
                remedy="take another prompt to train on, or write the rewrites to a file",
            )

    def pairs(
        self, query_ids: Collection[str] | None = None, *, most_queries: int | None = None
    ) -> PairRows:
        """Return the queries and positives that are written for, in the order of asking.

        The order is drawn from the seed, so that the first so many are a fair sample.

        Args:
            query_ids: Only these queries of the split; None means all that have a positive.
            most_queries: Most queries; None has no limit.

        Raises:
            InputError: A query is not in the split, or a positive is not in the corpus.
        """
        pairs = first_pairs(self.dataset, self.split, query_ids)
        return pairs.shuffled(self.dataset, self._seed).first(most_queries)

    def query_ids(
        self, query_ids: Collection[str] | None = None, *, most_queries: int | None = None
    ) -> list[str]:
        """Return the ids of the queries that are written for, in the order of asking."""
        rows = self.pairs(query_ids, most_queries=most_queries).queries
        ids: list[str] = self.dataset.queries["id"].take(pa.array(rows)).to_pylist()
        return ids

    def count(
        self, query_ids: Collection[str] | None = None, *, most_queries: int | None = None
    ) -> int:
        """Return how many exchanges there are."""
        pairs = self.pairs(query_ids, most_queries=most_queries)
        return len(pairs) * self.options.calls_per_query

    def exchanges(
        self, query_ids: Collection[str] | None = None, *, most_queries: int | None = None
    ) -> Iterator[WritingExchange]:
        """Yield the work to be done, lazily: all first calls before all second ones.

        Whatever time or money allows is so a fair sample of the queries.

        Args:
            query_ids: As for `pairs`.
            most_queries: As for `pairs`.

        Raises:
            InputError: As for `pairs`.
        """
        pairs = self.pairs(query_ids, most_queries=most_queries)
        for sample in range(self.options.calls_per_query):
            for call in self._drawing.calls(pairs, sample):
                yield WritingExchange(call, self._flow)

    def negatives(
        self,
        journal: AnswerStore,
        model_name: str,
        *,
        price: Price | None = None,
        query_ids: Collection[str] | None = None,
        most_queries: int | None = None,
    ) -> pa.Table:
        """Return a record for every negative whose exchange is done.

        An exchange with requests that are not answered yields no row. A text that could not
        be read yields a row whose `text` is None and whose `problem` says why; what the model
        wrote stays in the journal under the row's `request`.

        Args:
            journal: The stored answers by request key.
            model_name: Name of the model that was asked, part of every key.
            price: Gives the price of an answer in US dollars.
            query_ids: As for `pairs`.
            most_queries: As for `pairs`.

        Returns:
            Rows with `NEGATIVE_SCHEMA` and source "llm", in the order of the exchanges.

        Raises:
            InputError: The prompt writes positives, or as for `pairs`.
        """
        self.refuse_positives()
        return self.records(
            journal, model_name, price=price, query_ids=query_ids, most_queries=most_queries
        )

    def records(
        self,
        journal: AnswerStore,
        model_name: str,
        *,
        price: Price | None = None,
        query_ids: Collection[str] | None = None,
        most_queries: int | None = None,
    ) -> pa.Table:
        """Return what `negatives` returns, whatever the texts are; see `rewritten_positives`."""
        tables = [NEGATIVE_SCHEMA.empty_table()]
        waiting: list[Negative] = []
        for exchange in self.exchanges(query_ids, most_queries=most_queries):
            steps = exchange.flow.steps(exchange.call)
            done, answers = advance_from(steps, journal, model_name)
            if done.pending is not None:
                continue
            waiting += records_of(
                exchange.call,
                done,
                answers,
                model_name=model_name,
                fingerprint=self.fingerprint,
                price=price,
            )
            # Into columns, a piece at a time: objects for all of them would be large.
            if len(waiting) >= _RECORDS_AT_ONCE:
                tables.append(to_table(waiting))
                waiting.clear()
        return pa.concat_tables([*tables, to_table(waiting)])

    def preview(self, query_id: str, *, sample: int = 0) -> list[PreviewedCall]:
        """Return what would be asked for a query, without asking.

        Args:
            query_id: A query of the split that has a positive.
            sample: Number of the call among those for the query.

        Returns:
            One request of each kind, in order. What a request takes from an earlier answer
            is a phrase in square brackets, and its `note` says so.

        Raises:
            InputError: The query is not in the split, or nothing is relevant to it there.
        """
        pairs = self.pairs([query_id])
        if not len(pairs):
            raise InputError(
                f"no document is relevant to the query in the split '{self.split}'",
                field="query_id",
                value=query_id,
                remedy="name a query that has a positive there",
            )
        (call,) = self._drawing.calls(pairs, sample)
        return preview_call(self._flow, call)
