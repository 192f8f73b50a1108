from __future__ import annotations

import json

from asking import requests, run
from fake_server import FakeServer, Reply, Seen, completion
from syneg.llm.engine import Limits
from syneg.llm.journal import Journal
from syneg.llm.outcome_lines import outcome_lines


def test_nothing_is_said_when_all_is_answered(server: FakeServer, journal: Journal) -> None:
    assert outcome_lines(run(server, journal, requests(3)).as_dict()) == []


def test_failures_and_limits_are_told_with_what_to_do(server: FakeServer, journal: Journal) -> None:
    def rule(seen: Seen) -> Reply:
        if seen.body["messages"][-1]["content"].endswith("7"):
            return Reply(status=400, body={"error": {"message": "too blue"}})
        return Reply(body=completion("x"))

    server.rule = rule
    summary = run(server, journal, requests(10))
    lines = outcome_lines(json.loads(json.dumps(summary.as_dict())))
    assert lines[0] == "1 of 10 calls failed (bad-request): too blue"
    assert "--retry-failed" in lines[-1]
    limited = run(server, journal, requests(30), limits=Limits(tokens=300), concurrency=1)
    lines = outcome_lines(limited.as_dict())
    assert f"limit of tokens: {limited.not_reached} of 30 calls were not reached" in lines[0]
    assert "1 of 30 calls failed in an earlier process (bad-request): too blue" in lines
