from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from asking import run
from fake_server import FakeServer, Reply, Seen, completion
from syneg.errors import InputError
from syneg.filters.calibration_report import KindCalibration
from syneg.filters.judge import Judge
from syneg.filters.judge_answer import Outcome
from syneg.llm.journal import Journal
from syneg.negatives.pool import standing_decisions, stands
from syneg.negatives.record import Negative, to_table
from syneg.negatives.verdict import Decision, verdicts_to_table

from .judge_data import (
    NOTHING,
    RELEVANCE,
    asked_and_judged,
    collection,
    judge_for,
    judged_by,
    mined,
    of_quality,
    options,
    perfect,
    pool,
    reviewed,
)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as running:
        running.rule = judged_by(perfect)
        yield running


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite") as opened:
        yield opened


def kind(report: object, name: str) -> KindCalibration:
    return next(one for one in report.kinds if one.kind == name)  # type: ignore[attr-defined]


def test_a_judge_that_errs_seldom_relabels(server: FakeServer, journal: Journal) -> None:
    judge, negatives = judge_for(24), pool(24)
    verdicts, report = asked_and_judged(judge, server, journal, negatives)
    relabelled = {one for one, verdict in verdicts.items() if verdict.decision is Decision.RELABEL}
    assert relabelled == {f"dense-{number}-h{number}" for number in range(0, 24, 2)}
    assert len(verdicts) == 48
    assert {verdict.decision for verdict in verdicts.values()} == {Decision.RELABEL, Decision.KEEP}
    one = verdicts["dense-0-h0"]
    assert one.score is not None
    assert one.score > 0.9
    assert one.reason == (
        "answers the query: “We saw that device k000 opens a hidden valve at night.”"
    )
    table = verdicts_to_table(verdicts.values())
    assert standing_decisions(table)["dense-0-h0"] is Decision.RELABEL
    assert stands(negatives, table).to_pylist().count(False) == 12
    assert kind(report, "mined").prevalence == pytest.approx(0.5)
    json.dumps(report.as_dict(), allow_nan=False)


def test_the_known_quality_of_a_judge_is_found(server: FakeServer, journal: Journal) -> None:
    server.rule = judged_by(of_quality(0.8, 0.97))
    judge = judge_for(
        150,
        probes=150,
        judge_synthetic=False,
        specificity_to_drop=0.9,
        specificity_to_relabel=0.999,
    )
    verdicts, report = asked_and_judged(judge, server, journal, pool(150))
    found = kind(report, "mined")
    assert found.sensitivity.total == found.specificity.total == 150
    assert found.sensitivity.low <= 0.8 <= found.sensitivity.high
    assert found.specificity.low <= 0.97 <= found.specificity.high
    assert found.prevalence == pytest.approx(0.5, abs=0.12)
    assert 0.9 <= found.specificity.low < 0.999
    assert {one.decision for one in verdicts.values()} == {Decision.DROP, Decision.KEEP}
    assert "drops mined negatives that answer the query but relabels none" in found.sentence()


def test_a_judge_that_finds_all_relevant_may_only_mark(
    server: FakeServer, journal: Journal
) -> None:
    server.rule = judged_by(lambda *_: "answers")
    verdicts, report = asked_and_judged(judge_for(24), server, journal, pool(24))
    assert {one.decision for one in verdicts.values()} == {Decision.MARK}
    # Such a judge tells nothing of how many are relevant.
    assert {one.score for one in verdicts.values()} == {None}
    assert kind(report, "mined").specificity.hits == 0
    assert [sentence.split(":")[0] for sentence in report.sentences()] == [
        "The judge only marks mined negatives",
        "The judge only marks synthetic negatives",
    ]


def test_a_judge_that_finds_nothing_relevant_may_only_mark(
    server: FakeServer, journal: Journal
) -> None:
    # Its specificity is perfect, and yet what it flags by chance means nothing.
    server.rule = judged_by(
        lambda relevant, device, text: "answers" if text.startswith("We saw") else "no"
    )
    chosen = {"judge_synthetic": False, "random_probes": 0}
    verdicts, report = asked_and_judged(judge_for(24, **chosen), server, journal, pool(24))
    assert verdicts["dense-0-h0"].decision is Decision.MARK
    assert "hardly tells relevant texts from these" in report.sentences()[0]


def test_without_documents_of_middle_rank_a_judge_may_only_mark(
    server: FakeServer, journal: Journal
) -> None:
    judge = Judge(collection(24), "train", RELEVANCE, options(judge_synthetic=False))
    verdicts, report = asked_and_judged(judge, server, journal, pool(24))
    assert {one.decision for one in verdicts.values()} == {Decision.MARK, Decision.KEEP}
    assert "there were no documents of ranks 50 to 100" in report.sentences()[0]


def test_what_answers_in_part_is_dropped_only_if_that_is_safe(
    server: FakeServer, journal: Journal
) -> None:
    def careful(relevant: bool, device: str, text: str) -> str:
        return "answers" if "Manual" in text else "partly" if relevant else "no"

    server.rule = judged_by(careful)
    verdicts, _ = asked_and_judged(judge_for(24), server, journal, pool(24))
    assert verdicts["dense-0-h0"].decision is Decision.DROP

    def generous(relevant: bool, device: str, text: str) -> str:
        return "answers" if relevant else "partly"

    server.rule = judged_by(generous)
    with Journal(journal.path.with_name("second.sqlite")) as second:
        verdicts, _ = asked_and_judged(judge_for(24), server, second, pool(24))
    assert verdicts["dense-0-h0"].decision is Decision.RELABEL
    assert verdicts["dense-1-o1"].decision is Decision.MARK


def test_evidence_that_is_made_up_only_marks(server: FakeServer, journal: Journal) -> None:
    answer = json.dumps({"evidence": "the device opens the treasury", "grade": "answers"})
    honest = judged_by(perfect)
    server.rule = lambda seen: (
        Reply(body=completion(answer))
        if "hidden valve" in seen.body["messages"][-1]["content"]
        else honest(seen)
    )
    verdicts, report = asked_and_judged(judge_for(24), server, journal, pool(24))
    assert verdicts["dense-0-h0"].decision is Decision.MARK
    assert "is not in the text" in (verdicts["dense-0-h0"].reason or "")
    assert kind(report, "mined").candidates.outcomes[Outcome.UNCERTAIN] == 12


def test_failed_and_unreadable_answers_give_no_verdict(
    server: FakeServer, journal: Journal
) -> None:
    honest = judged_by(perfect)

    def rule(seen: Seen) -> Reply:
        user = seen.body["messages"][-1]["content"]
        if "town 1 " in user:
            return Reply(status=400, body={"error": {"message": "no"}})
        return Reply(body=completion("Well ...")) if "town 3 " in user else honest(seen)

    server.rule = rule
    chosen = {"judge_synthetic": False, "random_probes": 0}
    verdicts, report = asked_and_judged(judge_for(24, **chosen), server, journal, pool(24))
    assert len(verdicts) == 22
    outcomes = kind(report, "mined").candidates.outcomes
    assert (outcomes[Outcome.NOT_ASKED], outcomes[Outcome.UNREADABLE]) == (1, 1)
    unread = "Of 24 mined texts 1 got an answer that cannot be read and 1 got none"
    assert unread in report.sentences()[1]


def test_a_stopped_run_goes_on_where_it_was(server: FakeServer, journal: Journal) -> None:
    judge, negatives = judge_for(24), pool(24)
    work = list(judge.exchanges(negatives, NOTHING))
    run(server, journal, work[: len(work) // 2])  # type: ignore[arg-type]
    partial, report = judge.verdicts(negatives, NOTHING, journal, "fake")
    assert 0 < partial.num_rows < 48
    assert kind(report, "mined").candidates.outcomes[Outcome.NOT_ASKED] > 0
    verdicts, _ = asked_and_judged(judge, server, journal, negatives)
    assert len(verdicts) == 48
    assert len(server.chats) == len(work)
    assert max(Counter(json.dumps(seen.body) for seen in server.chats).values()) == 1


def test_its_own_verdicts_and_the_order_of_the_pool_change_nothing(
    server: FakeServer, journal: Journal
) -> None:
    judge, negatives = judge_for(24), pool(24)
    first, _ = asked_and_judged(judge, server, journal, negatives)
    asked = len(server.chats)
    turned = negatives.take(pa.array(range(negatives.num_rows - 1, -1, -1)))
    own = verdicts_to_table(first.values())
    again, _ = asked_and_judged(judge_for(24), server, journal, turned, own)
    assert len(server.chats) == asked
    assert {key: one.decision for key, one in again.items()} == {
        key: one.decision for key, one in first.items()
    }


def test_several_documents_in_one_request_give_the_same_verdicts(
    server: FakeServer, journal: Journal
) -> None:
    single, _ = asked_and_judged(judge_for(24), server, journal, pool(24))
    alone = len(server.chats)
    several, report = asked_and_judged(
        judge_for(24, documents_per_call=3), server, journal, pool(24)
    )
    assert len(server.chats) - alone < alone / 2
    assert {key: one.decision for key, one in several.items()} == {
        key: one.decision for key, one in single.items()
    }
    assert kind(report, "mined").sensitivity.total == 24


def test_samples_end_when_the_majority_is_settled(server: FakeServer, journal: Journal) -> None:
    def changing(seen: Seen) -> Reply:
        # The sampler's seeds of the first three samples differ: one of them is a bad draw.
        seeds.append(seen.body["seed"])
        bad = seen.body["seed"] == seeds[0]
        return judged_by(lambda relevant, *_: "answers" if relevant is not bad else "no")(seen)

    seeds: list[int] = []
    judge = judge_for(8, samples=3, temperature=0.5, judge_synthetic=False)
    server.rule = changing
    verdicts, _ = asked_and_judged(judge, server, journal, pool(8))
    assert (verdicts["dense-0-h0"].reason or "").startswith("answers the query")
    assert verdicts["dense-1-o1"].decision is Decision.KEEP
    texts = len(judge.plan(pool(8), NOTHING))
    assert len(server.chats) == 3 * texts
    server.seen.clear()
    server.rule = judged_by(perfect)
    with Journal(journal.path.with_name("second.sqlite")) as second:
        asked_and_judged(judge, server, second, pool(8))
    assert len(server.chats) == 2 * texts


def test_what_people_reviewed_decides_where_there_is_enough(
    server: FakeServer, journal: Journal
) -> None:
    def fooled(relevant: bool, device: str, text: str) -> str:
        return "answers" if relevant or "Guards" in text else "no"

    server.rule = judged_by(fooled)
    negatives = pool(24)
    kept = reviewed([f"llm-{number}" for number in range(24)], Decision.KEEP)
    found = reviewed([f"dense-{number}-h{number}" for number in (0, 2)], Decision.RELABEL)
    reviews = verdicts_to_table([*kept, *found])
    judge = judge_for(24, fewest_reviews=24)
    verdicts, report = asked_and_judged(judge, server, journal, negatives, reviews)
    assert verdicts["llm-1"].decision is Decision.MARK
    assert verdicts["dense-4-h4"].decision is Decision.RELABEL
    assert kind(report, "synthetic").others.name == "synthetic negatives that people kept"
    assert kind(report, "mined").others.name == "documents of ranks 50 to 100"
    assert report.reviewers.total == 26
    assert (report.reviewers.both, report.reviewers.first_only) == (2, 24)
    assert any("kappa between the judge and people" in one for one in report.sentences())


def test_nothing_to_judge_asks_nothing(server: FakeServer, journal: Journal) -> None:
    cut = Negative(
        negative_id="n", query_id="q0", positive_id="p0", source="llm", problem="cut off"
    )
    for negatives in (to_table([]), to_table([cut])):
        verdicts, report = asked_and_judged(judge_for(24), server, journal, negatives)
        assert not verdicts
        assert not report.sentences()
        json.dumps(report.as_dict(), allow_nan=False)
    assert not server.chats


def test_ids_that_do_not_fit_the_data_set_are_told() -> None:
    judge = judge_for(4)
    with pytest.raises(InputError, match=r"field 'doc_id'.*'nowhere'"):
        list(judge.exchanges(to_table([mined(0, "nowhere")]), NOTHING))
    with pytest.raises(InputError, match="no such split"):
        Judge(collection(2), "trian", RELEVANCE)
    with pytest.raises(InputError, match=r"field 'relevance'.*is empty"):
        Judge(collection(2), "train", " ")
