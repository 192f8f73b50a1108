from __future__ import annotations

import random
from datetime import timedelta

import pyarrow as pa

from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.options import GATES, GateOptions
from syneg.filters.run import gate_yield, judge_synthetic
from syneg.negatives.pool import standing_decisions
from syneg.negatives.record import Negative, to_table
from syneg.negatives.verdict import Decision, Verdict, verdicts_to_table

SOUND = "Clouds look white because their large droplets send all colours about equally."
OTHER = "Rain drops split sunlight into colours, which is why a rainbow shows them in order."


def synthetic(name: str, text: str | None, **fields: str) -> Negative:
    chosen = {"query_id": "q1", "positive_id": "d1", "source": "llm", **fields}
    return Negative(negative_id=name, text=text, **chosen)  # type: ignore[arg-type]


POOL = [
    synthetic("a", SOUND),
    synthetic("b", OTHER, title="Rain", check="pass"),
    synthetic("c", None, problem="cut off"),
    synthetic("d", "Clouds.", query_id="q2", positive_id="d3"),
]


MINED = Negative(
    negative_id="bm25-d3", query_id="q1", positive_id="d1", source="bm25", doc_id="d3", rank=1
)


def new_rows(verdicts: pa.Table, known: pa.Table) -> set[tuple[str, str]]:
    assert verdicts.slice(0, known.num_rows).equals(known)
    rows = verdicts.slice(known.num_rows).to_pylist()
    return {(row["negative_id"], row["filter"]) for row in rows}


def test_what_is_known_is_not_judged_again(tiny: RetrievalDataset) -> None:
    known = judge_synthetic(to_table(POOL), tiny)
    for seed in range(3):
        mixed = random.Random(seed).sample(POOL, len(POOL))
        assert new_rows(judge_synthetic(to_table(mixed), tiny, known=known), known) == set()


def test_a_changed_threshold_is_judged_by_its_gate_alone(tiny: RetrievalDataset) -> None:
    known = judge_synthetic(to_table(POOL), tiny)
    lenient = GateOptions(fewest_words=1, shortest_ratio=0)
    again = judge_synthetic(to_table(POOL), tiny, lenient, known=known)
    assert new_rows(again, known) == {(name, "length") for name in "abd"}
    assert standing_decisions(known)["d"] is Decision.DROP
    assert standing_decisions(again)["d"] is Decision.KEEP
    # And back: what was said before the last change is history.
    back = judge_synthetic(to_table(POOL), tiny, known=again)
    assert standing_decisions(back) == standing_decisions(known)


def test_a_changed_text_is_judged_again(tiny: RetrievalDataset) -> None:
    known = judge_synthetic(to_table(POOL), tiny)
    changed = [synthetic("a", SOUND.replace("white", "grey")), *POOL[1:]]
    rows = new_rows(judge_synthetic(to_table(changed), tiny, known=known), known)
    assert {gate for name, gate in rows if name == "a"} == set(GATES) - {"hardness"}
    # The others have another set around them.
    assert {gate for name, gate in rows if name != "a"} == {"duplicate", "near-duplicate"}


def test_changed_surroundings_are_judged_again(tiny: RetrievalDataset) -> None:
    known = judge_synthetic(to_table(POOL), tiny)
    beside = to_table([*POOL, MINED])
    rows = new_rows(judge_synthetic(beside, tiny, known=known), known)
    assert rows == {("a", "corpus-copy"), ("b", "corpus-copy")}


def test_a_new_negative_is_judged_beside_what_is_known(tiny: RetrievalDataset) -> None:
    known = judge_synthetic(to_table(POOL[1:]), tiny)
    again = judge_synthetic(to_table(POOL), tiny, known=known)
    rows = new_rows(again, known)
    assert {gate for name, gate in rows if name == "a"} == set(GATES)
    assert standing_decisions(again) == standing_decisions(judge_synthetic(to_table(POOL), tiny))


def test_a_gate_that_is_switched_off_takes_its_verdicts_back(tiny: RetrievalDataset) -> None:
    known = judge_synthetic(to_table(POOL), tiny)
    fewer = GateOptions(gates=tuple(gate for gate in GATES if gate != "length"))
    again = judge_synthetic(to_table(POOL), tiny, fewer, known=known)
    assert new_rows(again, known) == {(name, "length") for name in "abd"}
    assert standing_decisions(again)["d"] is Decision.KEEP
    assert "length" not in [one.gate for one in gate_yield(to_table(POOL), again)]
    assert judge_synthetic(to_table(POOL), tiny, fewer, known=again).equals(again)
    # Switched on again, it judges again.
    assert (
        standing_decisions(judge_synthetic(to_table(POOL), tiny, known=again))["d"] is Decision.DROP
    )


def test_other_filters_and_persons_are_left_alone(tiny: RetrievalDataset) -> None:
    mine = judge_synthetic(to_table(POOL), tiny)
    person = Verdict(
        negative_id="a", filter="length", fingerprint="", decision=Decision.DROP,
        reviewer="Ada", time=mine["time"][0].as_py() + timedelta(days=1),
    )  # fmt: skip
    judge = Verdict(
        negative_id="a", filter="judge", fingerprint="", decision=Decision.DROP,
        time=mine["time"][0].as_py(),
    )  # fmt: skip
    both = pa.concat_tables([mine, verdicts_to_table([person, judge])])
    assert judge_synthetic(to_table(POOL), tiny, known=both).equals(mine)
