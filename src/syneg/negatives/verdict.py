"""What a filter or a person says of a negative: one more row, never a deletion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

import pyarrow as pa


class Decision(StrEnum):
    """What follows from a verdict."""

    KEEP = "keep"
    """The filter found nothing against it."""
    DROP = "drop"
    """Not to be used as a negative."""
    MARK = "mark"
    """Usable; the score is information."""
    RELABEL = "relabel"
    """Relevant: a positive for training only."""


VERDICT_SCHEMA = pa.schema(
    [
        pa.field("negative_id", pa.string(), nullable=False),
        pa.field("filter", pa.string(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("reason", pa.string()),
        pa.field("reviewer", pa.string()),
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One decision about one negative.

    Attributes:
        negative_id: The negative that is judged.
        filter: Name of the filter, for example "copy"; "review" for a person.
        fingerprint: Hash of the filter's settings, so that old verdicts can be told apart. The
            gates for synthetic negatives append a hyphen and the hash of what they judged, so
            that they need not judge it again.
        decision: What follows.
        score: The measured value behind the decision, if there is one.
        reason: One clause for a person to read.
        reviewer: Name of the person; None for a filter.
        time: When it was made.
    """

    negative_id: str
    filter: str
    fingerprint: str
    decision: Decision
    score: float | None = None
    reason: str | None = None
    reviewer: str | None = None
    time: datetime


def now() -> datetime:
    """Return the present time in UTC, to the millisecond that the store keeps."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def verdicts_to_table(verdicts: Iterable[Verdict]) -> pa.Table:
    """Return the verdicts as an Arrow table with `VERDICT_SCHEMA`."""
    rows = [{**asdict(one), "decision": one.decision.value} for one in verdicts]
    return pa.Table.from_pylist(rows, schema=VERDICT_SCHEMA)


def verdicts_from_table(table: pa.Table) -> list[Verdict]:
    """Return the rows of a table with `VERDICT_SCHEMA` as records."""
    return [Verdict(**{**row, "decision": Decision(row["decision"])}) for row in table.to_pylist()]
