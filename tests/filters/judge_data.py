"""A collection in which it is plain what is relevant, and judges of known quality."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from asking import run
from fake_server import FakeServer, Reply, Seen, completion
from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.calibration_report import CalibrationReport
from syneg.filters.judge import Judge
from syneg.filters.judge_options import JudgeOptions
from syneg.llm.journal import Journal
from syneg.negatives.record import Negative, to_table
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision, Verdict, now, verdicts_from_table
from syneg.synthesis.attributes import draw_share

RELEVANCE = "the document says what the device opens."
NOTHING = VERDICT_SCHEMA.empty_table()

_QUERY = re.compile(r"<search_query>\n.*?device (\w+)", re.DOTALL)
_DOCUMENT = re.compile(
    r"<checked_document(?: number=\"\d+\")?>\n(.*?)\n</checked_document>", re.DOTALL
)

# (is the text relevant, query's device, text) -> grade
Grader = Callable[[bool, str, str], str]


def collection(queries: int) -> RetrievalDataset:
    """Query number n asks for device n; documents pn and hn are relevant, mn and on are not."""
    corpus = []
    for number in range(queries):
        corpus += [
            (f"p{number}", "Manual", f"The device {name(number)} opens the gate every morning."),
            (f"h{number}", "", f"We saw that device {name(number)} opens a hidden valve at night."),
            (
                f"m{number}",
                "",
                f"People talked of device {name(number)} in hall {number} for long.",
            ),
            (f"o{number}", "", f"A fair was held in town {number} where nobody opened a thing."),
        ]
    asked = [(f"q{number}", f"what opens with device {name(number)}") for number in range(queries)]
    asked.append(("t0", "what opens with device secret"))
    judged = [(f"q{number}", f"p{number}", 1) for number in range(queries)]
    return RetrievalDataset.from_rows(
        "devices",
        corpus=[*corpus, ("t-doc", "", "The device secret opens the vault for the test.")],
        queries=asked,
        # The hidden ones are known to the test split alone.
        qrels={
            "train": judged,
            "test": [("t0", "t-doc", 1), *((f"q{one}", f"h{one}", 1) for one in range(queries))],
        },
    )


def name(number: int) -> str:
    return f"k{number:03}"


def mined(number: int, document: str, rank: int = 1, source: str = "dense") -> Negative:
    return Negative(
        negative_id=f"{source}-{number}-{document}",
        query_id=f"q{number}",
        positive_id=f"p{number}",
        source=source,
        doc_id=document,
        rank=rank,
    )


def written(number: int, text: str, label: str = "llm") -> Negative:
    return Negative(
        negative_id=f"{label}-{number}",
        query_id=f"q{number}",
        positive_id=f"p{number}",
        source="llm",
        title="",
        text=text,
    )


def middle_ranks(queries: int) -> pa.Table:
    """For every query one document of rank 60 that is not relevant."""
    return to_table([mined(number, f"m{number}", rank=60) for number in range(queries)])


def pool(queries: int) -> pa.Table:
    """For every query a mined negative, every second one hidden relevant, and a written one."""
    rows = []
    for number in range(queries):
        rows.append(mined(number, f"{'ho'[number % 2]}{number}"))
        rows.append(written(number, f"Guards polish device {name(number)} with care on day one."))
    return to_table(rows)


def perfect(relevant: bool, device: str, text: str) -> str:
    return "answers" if relevant else "no"


def of_quality(sensitivity: float, specificity: float) -> Grader:
    def grade(relevant: bool, device: str, text: str) -> str:
        share = sensitivity if relevant else 1 - specificity
        return "answers" if draw_share(device, text) < share else "no"

    return grade


def judged_by(grader: Grader) -> Callable[[Seen], Reply]:
    """Make the server answer as a judge who quotes the whole text as evidence."""

    def rule(seen: Seen) -> Reply:
        user = seen.body["messages"][-1]["content"]
        found = _QUERY.search(user)
        assert found is not None
        entries = []
        for number, text in enumerate(_DOCUMENT.findall(user), start=1):
            grade = grader(f"device {found[1]} opens" in text, found[1], text)
            evidence = "none" if grade == "no" else text
            entries.append({"document": number, "evidence": evidence, "grade": grade})
        if "judgements" in json.dumps(seen.body["response_format"]):
            return Reply(body=completion(json.dumps({"judgements": entries})))
        (entry,) = entries
        del entry["document"]
        return Reply(body=completion(json.dumps(entry)))

    return rule


def documents_seen(server: FakeServer) -> list[str]:
    return [
        text
        for seen in server.chats
        for text in _DOCUMENT.findall(seen.body["messages"][-1]["content"])
    ]


def options(**chosen: Any) -> JudgeOptions:
    """Few probes, and demands that so few can meet."""
    few = {"probes": 24, "random_probes": 5}
    lenient = {"specificity_to_drop": 0.8, "specificity_to_relabel": 0.85}
    return JudgeOptions(**{**few, **lenient, **chosen})


def judge_for(queries: int, **chosen: Any) -> Judge:
    return Judge(
        collection(queries),
        "train",
        RELEVANCE,
        options(**chosen),
        middle_ranks=middle_ranks(queries),
    )


def asked_and_judged(
    judge: Judge,
    server: FakeServer,
    journal: Journal,
    negatives: pa.Table,
    verdicts: pa.Table = NOTHING,
) -> tuple[dict[str, Verdict], CalibrationReport]:
    """Ask the server all there is to ask and return the verdicts by negative."""
    run(server, journal, judge.exchanges(negatives, verdicts))  # type: ignore[arg-type]
    table, report = judge.verdicts(negatives, verdicts, journal, "fake")
    assert table.schema == VERDICT_SCHEMA
    found = {one.negative_id: one for one in verdicts_from_table(table)}
    assert len(found) == table.num_rows
    return found, report


def reviewed(ids: Sequence[str], decision: Decision) -> list[Verdict]:
    return [
        Verdict(
            negative_id=one,
            filter="review",
            fingerprint="r",
            decision=decision,
            reviewer="Ada",
            time=now(),
        )
        for one in ids
    ]
