from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from syneg.errors import InputError
from syneg.filters.review import read_reviews
from syneg.negatives.pool import standing_decisions
from syneg.negatives.record import Negative, to_table
from syneg.negatives.verdict import VERDICT_SCHEMA, Decision

POOL = to_table(
    [
        Negative(negative_id=name, query_id="q", positive_id="p", source="llm", text="x")
        for name in ("a", "b", "ü,1")
    ]
)
HEAD = "negative_id,decision,reviewer,reason\n"


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_both_formats_say_the_same(tmp_path: Path) -> None:
    table = written(
        tmp_path,
        "reviews.csv",
        "\ufeff" + HEAD + 'a,relabel,Ada,"says so, ""plainly"",\nin two lines"\n\n"ü,1",keep,Bo,\n',
    )
    lines = written(
        tmp_path,
        "reviews.jsonl",
        '{"negative_id": "a", "decision": "relabel", "reviewer": "Ada",'
        ' "reason": "says so, \\"plainly\\",\\nin two lines", "more": 1}\n'
        '{"negative_id": "ü,1", "decision": "keep", "reviewer": "Bo"}\n',
    )
    first, second = (read_reviews(path, POOL).drop_columns("time") for path in (table, lines))
    assert first.equals(second)
    assert first["filter"].to_pylist() == ["review", "review"]
    assert first["reason"].to_pylist() == ['says so, "plainly",\nin two lines', None]
    assert read_reviews(table, POOL).schema == VERDICT_SCHEMA
    assert read_reviews(table, POOL).equals(read_reviews(table, POOL))


def test_the_latest_decision_counts(tmp_path: Path) -> None:
    text = "negative_id,time,decision,reviewer\n"
    text += "a,2026-02-01T10:00:00+02:00,drop,Ada\na,2026-02-01 09:00,keep,Bo\n"
    text += "b,,drop,Ada\nb,,relabel,Ada\n"
    found = read_reviews(written(tmp_path, "r.csv", text), POOL)
    assert found["time"][0].as_py() == datetime(2026, 2, 1, 8, tzinfo=UTC)
    assert standing_decisions(found) == {"a": Decision.KEEP, "b": Decision.RELABEL}


def test_a_decision_about_a_document_holds_for_all_sources(tmp_path: Path) -> None:
    pool = to_table(
        [
            Negative(
                negative_id=f"{source}-{query}-{doc}",
                query_id=query,
                positive_id="p",
                source=source,
                doc_id=doc,
            )
            for source in ("bm25", "dense")
            for query in ("q", "r")
            for doc in ("a", "b")
        ]
    )
    lines = "dense-q-a,relabel,Ada,\nbm25-q-b,drop,Ada,\ndense-q-b,keep,Bo,\n"
    found = read_reviews(written(tmp_path, "r.csv", HEAD + lines), pool)
    assert standing_decisions(found) == {
        "bm25-q-a": Decision.RELABEL,
        "dense-q-a": Decision.RELABEL,
        "bm25-q-b": Decision.KEEP,
        "dense-q-b": Decision.KEEP,
    }


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.csv", HEAD + "a,relable,Ada,\n", r"r.csv:2: field 'decision'.*'relable'.*'relabel'"),
        (
            "r.csv",
            HEAD + "a,mark,Ada,\n",
            r"r.csv:2: field 'decision'.*write keep, drop or relabel",
        ),
        (
            "r.csv",
            HEAD + '\na,keep,Ada,"x\ny"\nc,keep,Ada,\n',
            r"r.csv:5: field 'negative_id'.*'c'",
        ),
        ("r.csv", HEAD + "a,keep,,\n", r"r.csv:2: field 'reviewer': is missing or empty"),
        ("r.csv", HEAD + "a,keep\n", r"r.csv:2: field 'reviewer': is missing"),
        ("r.csv", HEAD + "a,keep,Ada,well, yes\n", r"r.csv:2: has 5 cells"),
        ("r.csv", HEAD + 'a,keep,Ada,"open\n', r"r.csv:2: is no CSV"),
        ("r.csv", "id,decision,reviewer\n", r"r.csv:1: field 'negative_id': is no column"),
        ("r.csv", "", r"r.csv:1: field 'negative_id': is no column"),
        ("r.csv", b"negative_id,decision,reviewer\n\xff,keep,Ada\n", "is not UTF-8"),
        ("r.jsonl", '{"negative_id": "a", "decision": "drop"}', r"r.jsonl:1: field 'reviewer'"),
        (
            "r.jsonl",
            '\n{"negative_id": 7}',
            r"r.jsonl:2: field 'negative_id': is no text \(got 7\)",
        ),
        ("r.jsonl", "{", r"r.jsonl:1: the line is not JSON"),
        (
            "r.jsonl",
            '{"negative_id": "a", "decision": "drop", "reviewer": "A", "time": "noon"}',
            r"r.jsonl:1: field 'time': is no time \(got 'noon'\)",
        ),
        ("r.txt", "a", "name it .jsonl or .csv"),
    ],
)
def test_faults_name_their_place(
    tmp_path: Path, name: str, text: str | bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_reviews(written(tmp_path, name, text), POOL)


@pytest.mark.parametrize("name", ["gone.csv", "gone.jsonl"])
def test_a_missing_file_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"gone.*cannot be read"):
        read_reviews(tmp_path / name, POOL)


def test_an_empty_review_is_no_fault(tmp_path: Path) -> None:
    assert read_reviews(written(tmp_path, "r.csv", HEAD), POOL).num_rows == 0
    assert read_reviews(written(tmp_path, "r.jsonl", ""), POOL).schema == VERDICT_SCHEMA
