from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from syneg.datasets.beir import read_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.filters.options import GATES, GateOptions
from syneg.filters.run import acceptance, gate_yield, judge_synthetic
from syneg.negatives.pool import standing_decisions
from syneg.negatives.record import Negative, from_table, to_table
from syneg.negatives.verdict import (
    VERDICT_SCHEMA,
    Decision,
    Verdict,
    verdicts_from_table,
    verdicts_to_table,
)
from syneg.synthesis.recorded import read_recorded_negatives

SOUND = "Clouds look white because their large droplets send all colours about equally."
OTHER = "Rain drops split sunlight into colours, which is why a rainbow shows them in order."
TWIN = {"duplicate", "near-duplicate"}


def synthetic(name: str, text: str | None, **fields: str) -> Negative:
    chosen = {"query_id": "q1", "positive_id": "d1", "source": "llm", **fields}
    return Negative(negative_id=name, text=text, **chosen)  # type: ignore[arg-type]


def dropped_by(verdicts: pa.Table) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for verdict in verdicts_from_table(verdicts):
        gates = found.setdefault(verdict.negative_id, set())
        if verdict.decision is Decision.DROP:
            gates.add(verdict.filter)
    return found


def test_every_gate_judges_every_synthetic_negative(tiny: RetrievalDataset) -> None:
    negatives = to_table(
        [synthetic("a", SOUND), synthetic("b", OTHER, query_id="q2", positive_id="d3")]
    )
    verdicts = judge_synthetic(negatives, tiny)
    assert verdicts.schema == VERDICT_SCHEMA
    pairs = {(verdict.negative_id, verdict.filter) for verdict in verdicts_from_table(verdicts)}
    assert pairs == {(name, gate) for name in "ab" for gate in GATES}
    assert set(verdicts["decision"].to_pylist()) == {"keep"}


def test_each_fault_is_found_by_its_gate(tiny: RetrievalDataset) -> None:
    negatives = to_table(
        [
            synthetic("sound", SOUND),
            synthetic("no-text", None, problem="cut off"),
            synthetic("short", "Clouds."),
            synthetic("copy", "Air molecules scatter blue light more than red light."),
            synthetic("copy-of-another", "The sky is blue because short waves are scattered most."),
            synthetic("loop", "The clouds are white and grey. " * 4),
            synthetic("telltale", "Here is a text: fog is grey, as thick clouds are from below."),
            synthetic("twin", SOUND.upper().replace("LARGE", " large,")),
            synthetic("near-twin", f"{SOUND} So they look."),
            synthetic("failed", OTHER, check="fail: it answers"),
        ]
    )
    assert dropped_by(judge_synthetic(negatives, tiny)) == {
        "no-text": {"format"},
        "short": {"length"},
        "copy": {"copy", "duplicate"},
        # d2 is relevant to the query as well, though not this negative's positive.
        "copy-of-another": {"copy", "duplicate"},
        "loop": {"repetition"},
        "telltale": {"telltale"},
        "near-twin": set(),
        "sound": {"near-duplicate"},
        "twin": {"duplicate", "near-duplicate"},
        "failed": {"self-check"},
    }


def test_what_has_no_text_is_judged_by_format_alone(tiny: RetrievalDataset) -> None:
    verdicts = judge_synthetic(to_table([synthetic("a", None, problem="cut off")]), tiny)
    assert verdicts["filter"].to_pylist() == ["format"]
    assert verdicts["reason"].to_pylist() == ["cut off"]


def test_gates_can_be_left_out_but_not_format(tiny: RetrievalDataset) -> None:
    negatives = to_table([synthetic("a", SOUND), synthetic("b", None)])
    verdicts = judge_synthetic(negatives, tiny, GateOptions(gates=("length",)))
    assert sorted(verdicts["filter"].to_pylist()) == ["format", "format", "length"]


def test_mined_negatives_are_passed_over(tiny: RetrievalDataset) -> None:
    mined = Negative(negative_id="m", query_id="q1", positive_id="d1", source="bm25", doc_id="d3")
    assert judge_synthetic(to_table([mined]), tiny).num_rows == 0
    assert judge_synthetic(to_table([]), tiny).schema == VERDICT_SCHEMA


def test_a_corpus_document_is_no_synthetic_negative(tiny: RetrievalDataset) -> None:
    text = "leaves look green since chlorophyll absorbs red and blue light"
    verdicts = judge_synthetic(to_table([synthetic("a", text)]), tiny)
    reasons = dict(zip(verdicts["filter"].to_pylist(), verdicts["reason"].to_pylist(), strict=True))
    assert reasons["duplicate"] == "same text as the document d3"


def test_judgements_of_other_splits_do_not_count() -> None:
    data = RetrievalDataset.from_rows(
        "splits",
        corpus=[("d1", "", "Air scatters blue light."), ("d2", "", f"{SOUND} Or so they say.")],
        queries=[("q1", "why is the sky blue")],
        qrels={"train": [("q1", "d1", 1)], "test": [("q1", "d2", 1)]},
    )
    assert dropped_by(judge_synthetic(to_table([synthetic("a", SOUND)]), data)) == {"a": set()}


def test_the_order_of_the_pool_does_not_matter(tiny: RetrievalDataset) -> None:
    negatives = [synthetic(name, SOUND) for name in "cab"] + [synthetic("d", OTHER)]
    expected = {"a": set(), "b": TWIN, "c": TWIN, "d": set()}
    for seed in range(5):
        random.Random(seed).shuffle(negatives)
        assert dropped_by(judge_synthetic(to_table(negatives), tiny)) == expected


def test_a_negative_that_lies_in_two_parts_is_judged_once(tiny: RetrievalDataset) -> None:
    verdicts = judge_synthetic(to_table([synthetic("a", SOUND), synthetic("a", SOUND)]), tiny)
    assert verdicts.num_rows == len(GATES)
    assert dropped_by(verdicts) == {"a": set()}


def test_negatives_of_another_data_set_are_refused(tiny: RetrievalDataset) -> None:
    with pytest.raises(InputError, match="'q9'"):
        judge_synthetic(to_table([synthetic("a", SOUND, query_id="q9")]), tiny)
    with pytest.raises(InputError, match="'d9'"):
        judge_synthetic(to_table([synthetic("a", SOUND, positive_id="d9")]), tiny)


def test_the_yield_names_the_first_gate_that_failed(tiny: RetrievalDataset) -> None:
    negatives = to_table(
        [
            synthetic("a", SOUND),
            synthetic("b", None, problem="cut off"),
            synthetic("c", "Hard negative."),
            synthetic("d", OTHER + " A hard negative."),
        ]
    )
    verdicts = judge_synthetic(negatives, tiny)
    counted = {
        one.gate: (one.judged, one.dropped, one.dropped_first)
        for one in gate_yield(negatives, verdicts)
    }
    assert list(counted) == list(GATES)
    assert counted["format"] == (4, 1, 1)
    assert counted["length"] == (3, 1, 1)
    assert counted["telltale"] == (3, 2, 1)
    found = acceptance(negatives, verdicts)
    assert (found.proposed, found.accepted, found.rate) == (4, 1, 0.25)
    assert sum(one.dropped_first for one in gate_yield(negatives, verdicts)) == 3


def test_a_person_outweighs_the_gates_in_what_is_accepted(tiny: RetrievalDataset) -> None:
    negatives = to_table([synthetic("a", "Clouds.")])
    verdicts = judge_synthetic(negatives, tiny)
    time = verdicts["time"][0].as_py() + timedelta(seconds=1)
    word = Verdict(
        negative_id="a",
        filter="review",
        fingerprint="",
        decision=Decision.KEEP,
        reviewer="Ada",
        time=time,
    )
    both = pa.concat_tables([verdicts, verdicts_to_table([word])])
    assert acceptance(negatives, verdicts).accepted == 0
    assert acceptance(negatives, both).accepted == 1
    assert "review" not in [one.gate for one in gate_yield(negatives, both)]


def test_a_later_verdict_of_the_same_gate_replaces_the_earlier(tiny: RetrievalDataset) -> None:
    negatives = to_table([synthetic("a", "Clouds.")])
    strict = judge_synthetic(negatives, tiny)
    lenient = judge_synthetic(
        negatives, tiny, GateOptions(fewest_words=1, shortest_ratio=0, gates=("length",))
    )
    both = pa.concat_tables([strict, lenient])
    assert {one.gate: one.dropped for one in gate_yield(negatives, both)}["length"] == 0
    assert standing_decisions(both) == {"a": Decision.KEEP}


def test_nothing_proposed_is_nothing_accepted(tiny: RetrievalDataset) -> None:
    empty = to_table([])
    verdicts = judge_synthetic(empty, tiny)
    assert gate_yield(empty, verdicts) == []
    assert acceptance(empty, verdicts).rate == 0


def mined_negative(document: str, rank: int = 1) -> Negative:
    return Negative(
        negative_id=f"bm25-{document}", query_id="q1", positive_id="d1", source="bm25",
        doc_id=document, rank=rank,
    )  # fmt: skip


def test_a_copy_of_a_mined_candidate_is_no_synthetic_negative(tiny: RetrievalDataset) -> None:
    text = "Look: leaves look green since chlorophyll absorbs red and blue light"
    lenient = GateOptions(corpus_copy_share=0.8)
    alone = judge_synthetic(to_table([synthetic("a", text)]), tiny, lenient)
    assert dropped_by(alone) == {"a": set()}
    beside = to_table([synthetic("a", text), mined_negative("d3")])
    assert dropped_by(judge_synthetic(beside, tiny, lenient)) == {"a": {"corpus-copy"}}
    apart = judge_synthetic(
        to_table([synthetic("a", text)]), tiny, lenient, mined=to_table([mined_negative("d3")])
    )
    assert dropped_by(apart) == {"a": {"corpus-copy"}}
    none = GateOptions(corpus_copy_share=0.8, corpus_copy_candidates=0)
    assert dropped_by(judge_synthetic(beside, tiny, none)) == {"a": set()}


def test_only_the_nearest_candidates_are_compared(tiny: RetrievalDataset) -> None:
    text = "Look: leaves look green since chlorophyll absorbs red and blue light"
    one = GateOptions(corpus_copy_share=0.8, corpus_copy_candidates=1)
    for rank, gates in ((1, {"corpus-copy"}), (3, set())):
        candidates = to_table([mined_negative("d3", rank), mined_negative("d2", 2)])
        found = judge_synthetic(to_table([synthetic("a", text)]), tiny, one, mined=candidates)
        assert dropped_by(found) == {"a": gates}


def test_a_mined_document_of_another_data_set_is_refused(tiny: RetrievalDataset) -> None:
    with pytest.raises(InputError, match=r"field 'doc_id'.*'d9'"):
        judge_synthetic(to_table([synthetic("a", SOUND), mined_negative("d9")]), tiny)


def test_hostile_texts_pass_through_all_gates(tiny: RetrievalDataset) -> None:
    texts = ["🙂" * 1000, "\u200b" * 99, "a" * 1_000_000, "\u202e" + OTHER, "\x00\x01", "ﷺ" * 5000]
    names = [f"n{number}" for number in range(len(texts))]
    pool = to_table([synthetic(name, text) for name, text in zip(names, texts, strict=True)])
    found = dropped_by(judge_synthetic(pool, tiny))
    assert {name for name in names if found[name] == {"format"}} == {"n0", "n1", "n4"}
    assert found["n3"] == set()


RECORDED = [
    ("scifact", "scifact/synthetic.jsonl"),
    ("scifact", "scifact/causal.jsonl"),
    ("covidqa", "covidqa/synthetic.jsonl"),
]


@pytest.mark.parametrize(("folder", "file"), RECORDED)
def test_well_written_negatives_are_accepted(data_folder: Path, folder: str, file: str) -> None:
    dataset = read_beir_folder(data_folder / folder)
    negatives, _ = read_recorded_negatives(data_folder / file, dataset)
    assert acceptance(negatives, judge_synthetic(negatives, dataset)).rate > 0.9


def test_spoilt_negatives_are_not_accepted(data_folder: Path) -> None:
    dataset = read_beir_folder(data_folder / "scifact")
    negatives, _ = read_recorded_negatives(data_folder / "scifact" / "synthetic.jsonl", dataset)
    records = from_table(negatives.slice(0, 200))
    rows = dataset.document_rows([one.positive_id for one in records])
    positives = dataset.corpus.take(pa.array(rows))["text"].to_pylist()
    spoilt = []
    for number, (one, positive) in enumerate(zip(records, positives, strict=True)):
        words = (one.text or "").split()
        ways = [
            " ".join(words[:12]),
            f"{' '.join(positive.split()[:120])} {' '.join(words[:40])}",
            " ".join(words[:30] * 4),
            f"{one.text} This is a hard negative because it does not answer the query.",
        ]
        text = ways[number % len(ways)]
        spoilt.append(
            synthetic(str(number), text, query_id=one.query_id, positive_id=one.positive_id)
        )
    table = to_table(spoilt)
    assert acceptance(table, judge_synthetic(table, dataset)).rate < 0.02
