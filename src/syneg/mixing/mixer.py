"""Phase 2: mixing, a query over the pool and its verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from syneg.errors import InputError
from syneg.mixing.candidates import FILL, Offer, Offers
from syneg.mixing.options import MixingOptions
from syneg.mixing.relabelled import relabelled_pairs
from syneg.negatives.record import SYNTHETIC
from syneg.seeding import generator_for

__all__ = ["FILL", "INSTANCE_SCHEMA", "Mixture", "mix"]

_ROWS_AT_ONCE = 8_192

INSTANCE_SCHEMA = pa.schema(
    [
        pa.field("query_id", pa.string(), nullable=False),
        pa.field("positive_id", pa.string(), nullable=False),
        pa.field("negative_ids", pa.list_(pa.string()), nullable=False),
        pa.field("sources", pa.list_(pa.string()), nullable=False),
    ]
)


@dataclass(frozen=True)
class Mixture:
    """The training instances and how they came about.

    Attributes:
        instances: Columns of `INSTANCE_SCHEMA`; every row has the same number of negatives.
        by_source: Negatives used, by source.
        synthetic_proposed: Synthetic negatives in the pool.
        synthetic_accepted: Those that no verdict drops.
        synthetic_used: Whether synthetic negatives were mixed in at all.
        fallback: Instances in which retrieved negatives stand in for missing synthetic ones.
        filled: Random negatives that stand in for missing retrieved ones.
        repeated: Places filled by a negative that the instance already has, because the
            corpus offers no other.
        without_negatives: (query, positive) pairs left out because there is no negative.
        relabelled: Instances whose positive is a negative that was judged relevant; its
            `positive_id` is a document, or the id of a synthetic text.
    """

    instances: pa.Table
    by_source: dict[str, int]
    synthetic_proposed: int
    synthetic_accepted: int
    synthetic_used: bool
    fallback: int
    filled: int
    repeated: int
    without_negatives: int
    relabelled: int = 0

    @property
    def synthetic_yield(self) -> float:
        """Share of the proposed synthetic negatives that is accepted; 0 where none was."""
        return self.synthetic_accepted / max(1, self.synthetic_proposed)

    def summary(self) -> dict[str, object]:
        """Return the composition as plain values, for the manifest and the report."""
        fields = {key: value for key, value in self.__dict__.items() if key != "instances"}
        return {
            "instances": self.instances.num_rows,
            **fields,
            "synthetic_yield": self.synthetic_yield,
        }


def mix(
    pairs: Sequence[tuple[str, str]],
    negatives: pa.Table,
    verdicts: pa.Table,
    options: MixingOptions,
    *,
    seed: int = 0,
) -> Mixture:
    """Give every (query, positive) its negatives: synthetic and retrieved side by side.

    An instance draws from a generator seeded by (seed, query, positive), and candidates are
    put in order of their ids first, so neither the order of the pool's rows nor the other
    queries change it. Where a query has no accepted synthetic negative, retrieved ones take
    the place; where too few are retrieved, random ones. What was judged relevant (`RELABEL`) is
    a positive with an instance of its own, and no negative of its query under whatever source.

    Args:
        pairs: The training pairs.
        negatives: The pool, columns of `NEGATIVE_SCHEMA`.
        verdicts: Columns of `VERDICT_SCHEMA`.
        options: How many of each kind.
        seed: Of every draw.

    Raises:
        InputError: No pair has any negative although some were asked for.

    Source:
        SyNeg (arXiv 2412.17250), hybrid sampling: (q, d+, [synthetic, retrieved, ...]), and
        direct mixing, its comparison.
    """
    proposed = pc.sum(pc.equal(negatives["source"], SYNTHETIC)).as_py() or 0
    relevant = set(relabelled_pairs(negatives, verdicts))
    pairs = [*pairs]
    added = sorted(relevant.difference(pairs))
    instances = [*_limited(pairs, options.positives_per_query), *added]
    offers = Offers(negatives, verdicts, options, relevant, [one for one, _ in instances])
    accepted = offers.synthetic_accepted
    use_synthetic = options.synthetic > 0 and accepted > 0
    use_synthetic = use_synthetic and accepted / proposed >= options.minimum_yield
    rows: list[dict[str, object]] = []
    tables = [INSTANCE_SCHEMA.empty_table()]
    counts: Counter[str] = Counter()
    by_source: Counter[str] = Counter()
    for place, (query_id, positive_id) in enumerate(instances):
        offer = offers.of(query_id)
        chosen = _choose(offer, query_id, positive_id, options, use_synthetic, seed, counts)
        if not chosen and options.total:
            counts["without"] += 1
            continue
        counts["relabelled"] += place >= len(instances) - len(added)
        sources = [source for _, source in chosen]
        by_source.update(sources)
        ids = [negative_id for negative_id, _ in chosen]
        rows.append(
            {
                "query_id": query_id,
                "positive_id": positive_id,
                "negative_ids": ids,
                "sources": sources,
            }
        )
        # Into columns, a piece at a time: objects for all of them would be large.
        if len(rows) == _ROWS_AT_ONCE:
            tables.append(pa.Table.from_pylist(rows, schema=INSTANCE_SCHEMA))
            rows.clear()
    table = pa.concat_tables([*tables, pa.Table.from_pylist(rows, schema=INSTANCE_SCHEMA)])
    if not table.num_rows:
        raise InputError(
            "no training pair has a negative",
            remedy="use a larger corpus, or set mixing.synthetic and mixing.retrieved to 0 to "
            "train with in-batch negatives alone",
        )
    return Mixture(
        instances=table.combine_chunks(),
        by_source=dict(sorted(by_source.items())),
        synthetic_proposed=proposed,
        synthetic_accepted=accepted,
        synthetic_used=use_synthetic,
        fallback=counts["fallback"],
        filled=counts["filled"],
        repeated=counts["repeated"],
        without_negatives=counts["without"],
        relabelled=counts["relabelled"],
    )


def _limited(pairs: Sequence[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    seen: Counter[str] = Counter()
    kept = []
    for pair in pairs:
        seen[pair[0]] += 1
        if seen[pair[0]] <= most:
            kept.append(pair)
    return kept


def _choose(
    offer: Offer,
    query_id: str,
    positive_id: str,
    options: MixingOptions,
    use_synthetic: bool,
    seed: int,
    counts: Counter[str],
) -> list[tuple[str, str]]:
    generator = generator_for(seed, "mix", query_id, positive_id)
    chosen: list[tuple[str, str]] = []
    synthetic = options.synthetic
    if use_synthetic and options.mode == "direct":
        synthetic = int(generator.binomial(options.total, options.synthetic / options.total))
    if use_synthetic:
        # Those written against this very positive come first.
        order = [offer.synthetic[place] for place in generator.permutation(len(offer.synthetic))]
        order.sort(key=lambda one: one[1] != positive_id)
        chosen += [(negative_id, SYNTHETIC) for negative_id, _ in order[:synthetic]]
    wanted = options.total
    if use_synthetic and len(chosen) < synthetic:
        counts["fallback"] += 1
    documents: set[str] = set()
    for kind in (offer.retrieved, offer.fill):
        for place in generator.permutation(len(kind)):
            negative_id, source, doc_id = kind[place]
            # The same document may come from two sources.
            if len(chosen) >= wanted or doc_id in documents:
                continue
            documents.add(doc_id)
            chosen.append((negative_id, source))
            counts["filled"] += kind is offer.fill
    if chosen and len(chosen) < wanted:
        counts["repeated"] += wanted - len(chosen)
        chosen = [chosen[place % len(chosen)] for place in range(wanted)]
    return chosen[:wanted]
