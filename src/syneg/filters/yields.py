"""What the filters cost: from verdicts to counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from syneg.filters.options import GATES
from syneg.filters.verdict_rows import WITHDRAWN
from syneg.negatives.pool import stands
from syneg.negatives.verdict import Decision


@dataclass(frozen=True, slots=True)
class GateYield:
    """What one filter cost.

    Attributes:
        gate: Name of the filter.
        judged: Negatives that it judged.
        dropped: Negatives that it would drop.
        dropped_first: Negatives that it dropped and no filter before it did; these add up
            to all that filters dropped.
        marked: Negatives that it marked, which can be used all the same.
    """

    gate: str
    judged: int
    dropped: int
    dropped_first: int
    marked: int = 0


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How many negatives stand after all verdicts.

    Attributes:
        proposed: Different negatives.
        accepted: Those that stand; one that nobody judged stands.
    """

    proposed: int
    accepted: int

    @property
    def rate(self) -> float:
        """Share of the proposed that stands, in [0, 1]; 0 when none was proposed."""
        return self.accepted / self.proposed if self.proposed else 0.0


def gate_yield(negatives: pa.Table, verdicts: pa.Table) -> list[GateYield]:
    """Count what each filter dropped, in the order in which failures are attributed.

    The order is that of `GATES`, then other filters as they appear. Verdicts of persons and
    those that a gate took back are not counted here; persons' do count in `acceptance`.

    Args:
        negatives: Rows with `NEGATIVE_SCHEMA`; verdicts on others are passed over.
        verdicts: Rows with `VERDICT_SCHEMA`; of several by one filter the latest counts.

    Example:
        >>> from syneg.filters.gates import check_format
        >>> from syneg.filters.verdict_rows import verdict_rows
        >>> from syneg.negatives.record import Negative, to_table
        >>> from syneg.negatives.verdict import now
        >>> pool = to_table([Negative(negative_id="a", query_id="q", positive_id="p",
        ...                           source="llm", problem="cut off")])
        >>> found = verdict_rows("format", ["a"], ["f"], [check_format(None, "cut off")], now())
        >>> gate_yield(pool, found)
        [GateYield(gate='format', judged=1, dropped=1, dropped_first=1, marked=0)]
    """
    ids = pc.unique(negatives["negative_id"])
    rows = verdicts.filter(pc.is_null(verdicts["reviewer"]))
    places = pc.fill_null(pc.index_in(rows["negative_id"].cast(ids.type), value_set=ids), -1)
    # The sort is stable: at equal times the later row counts, as in `standing_decisions`.
    order = pc.sort_indices(rows, [("time", "ascending")]).to_numpy()
    appeared = pc.unique(rows["filter"]).to_pylist()
    names = [name for name in GATES if name in appeared]
    names += [name for name in appeared if name not in GATES]
    gone = np.zeros(len(ids), bool)
    yields = []
    for name in names:
        chosen = order[pc.equal(rows["filter"], name).to_numpy()[order]]
        latest = _latest(places.to_numpy()[chosen], chosen, len(ids))
        held = rows.select(["fingerprint", "decision"]).take(pa.array(latest[latest >= 0]))
        valid = pc.not_equal(held["fingerprint"], WITHDRAWN).to_numpy()
        judged = np.flatnonzero(latest >= 0)[valid]
        decisions = held["decision"].filter(pa.array(valid))
        taken_out = pa.array([Decision.DROP.value, Decision.RELABEL.value])
        dropped = judged[pc.is_in(decisions, value_set=taken_out).to_numpy()]
        marked = pc.sum(pc.equal(decisions, Decision.MARK.value)).as_py() or 0
        if len(judged):
            first = int((~gone[dropped]).sum())
            yields.append(GateYield(name, len(judged), len(dropped), first, marked))
        gone[dropped] = True
    return yields


def acceptance(negatives: pa.Table, verdicts: pa.Table) -> Acceptance:
    """Count the negatives that stand after all verdicts, those of persons included.

    Args:
        negatives: Rows with `NEGATIVE_SCHEMA`.
        verdicts: Rows with `VERDICT_SCHEMA`.

    Example:
        >>> from syneg.negatives.record import Negative, to_table
        >>> from syneg.negatives.verdict import VERDICT_SCHEMA
        >>> pool = to_table([Negative(negative_id="a", query_id="q", positive_id="p",
        ...                           source="llm", text="Fog is grey.")])
        >>> acceptance(pool, VERDICT_SCHEMA.empty_table()).rate
        1.0
    """
    different = negatives.select(["negative_id"]).group_by("negative_id").aggregate([])
    accepted = pc.sum(stands(different, verdicts)).as_py() or 0
    return Acceptance(proposed=different.num_rows, accepted=accepted)


def _latest(
    places: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.int64]:
    """Return for each place the last of the rows that stand for it; -1 where there is none."""
    found = np.full(size, -1, np.int64)
    known = places >= 0
    found[places[known]] = rows[known]
    return found
