from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from syneg.datasets.beir import read_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.errors import InputError
from syneg.negatives.record import NEGATIVE_SCHEMA
from syneg.synthesis.recorded import read_recorded_negatives

ROW: dict[str, Any] = {"query_id": "q1", "positive_id": "d1", "text": "Clouds are white."}


def write(folder: Path, *rows: dict[str, Any] | str) -> Path:
    path = folder / "negatives.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_all_fields_are_taken_over(tmp_path: Path, tiny: RetrievalDataset) -> None:
    attributes = {"domain_name": "Optics", "difficulty_level": "Expert", "length": "as long as"}
    more = {"title": " On\nclouds ", "reasoning": "not the sky", "attributes": attributes}
    origin = {"model": "m", "prompt": "p", "odd": "ignored", "check": "pass"}
    table, notes = read_recorded_negatives(write(tmp_path, {**ROW, **more, **origin}), tiny)
    assert notes == []
    assert table.schema == NEGATIVE_SCHEMA
    (row,) = table.to_pylist()
    kept = {name: value for name, value in row.items() if value is not None}
    assert kept.pop("negative_id")
    assert kept == {
        **ROW,
        "source": "llm",
        "title": "On clouds",
        "reasoning": "not the sky",
        "check": "pass",
        "domain": "Optics",
        "level": "Expert",
        "length": "as long as",
        "model": "m",
        "prompt": "p",
    }


@pytest.mark.parametrize(
    "names", [("requirement", "rewritten_from"), ("broken_requirement", "candidate_id")]
)
def test_what_was_broken_and_rewritten_is_taken_over(
    tmp_path: Path, tiny: RetrievalDataset, names: tuple[str, str]
) -> None:
    more = {names[0]: " the\ncolour", names[1]: "d3", "difficulty": "near"}
    table, _ = read_recorded_negatives(write(tmp_path, {**ROW, **more}), tiny)
    (row,) = table.to_pylist()
    assert (row["requirement"], row["rewritten_from"]) == ("the colour", "d3")
    assert (row["difficulty"], row["reasoning"]) == ("near", "the colour")
    table, _ = read_recorded_negatives(write(tmp_path, {**ROW, **more, "reasoning": "r"}), tiny)
    assert table["reasoning"].to_pylist() == ["r"]


def test_only_ids_and_text_are_needed(tmp_path: Path, tiny: RetrievalDataset) -> None:
    table, _ = read_recorded_negatives(write(tmp_path, ROW, ""), tiny)
    assert table["title"].to_pylist() == [""]
    assert table["domain"].to_pylist() == [None]


def test_ids_depend_on_content_and_not_on_the_line(tmp_path: Path, tiny: RetrievalDataset) -> None:
    other = {**ROW, "text": "Fog is grey."}
    one, _ = read_recorded_negatives(write(tmp_path, ROW, other), tiny)
    two, _ = read_recorded_negatives(write(tmp_path, other, ROW), tiny)
    assert one["negative_id"].to_pylist() == two["negative_id"].to_pylist()[::-1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{'query_id': 1}", "negatives.jsonl:2: .*not JSON"),
        ("[1, 2]", "negatives.jsonl:2: .*not a JSON object"),
        ({"query_id": "q1", "text": "x"}, "jsonl:2: field 'positive_id': is missing"),
        ({**ROW, "query_id": 7}, "jsonl:2: field 'query_id': is no text .got 7."),
        ({**ROW, "text": " \n"}, "jsonl:2: field 'text': is empty"),
        ({**ROW, "title": ["x"]}, "jsonl:2: field 'title': is no text"),
        ({**ROW, "attributes": "Optics"}, "jsonl:2: field 'attributes': is no JSON object"),
        ({**ROW, "attributes": {"length": 3}}, "jsonl:2: field 'length': is no text"),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(
    tmp_path: Path, tiny: RetrievalDataset, line: dict[str, Any] | str, said: str
) -> None:
    for skip in (False, True):
        with pytest.raises(InputError, match=said) as caught:
            read_recorded_negatives(write(tmp_path, ROW, line), tiny, skip_unknown=skip)
        assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path, tiny: RetrievalDataset) -> None:
    path = tmp_path / "negatives.jsonl"
    path.write_bytes(json.dumps(ROW).encode() + b'\n{"query_id": "\xff"}\n')
    with pytest.raises(InputError, match=r"negatives\.jsonl:2: .*UTF-8"):
        read_recorded_negatives(path, tiny)


def test_a_missing_file_is_refused(tmp_path: Path, tiny: RetrievalDataset) -> None:
    with pytest.raises(InputError, match=r"gone\.jsonl"):
        read_recorded_negatives(tmp_path / "gone.jsonl", tiny)


STRANGERS = [
    {**ROW, "query_id": "q77"},
    {**ROW, "positive_id": "d77"},
    {**ROW, "query_id": "q2"},
    {**ROW, "query_id": "half \ud800"},
]


def test_ids_that_do_not_fit_are_counted_in_one_error(
    tmp_path: Path, tiny: RetrievalDataset
) -> None:
    with pytest.raises(InputError) as caught:
        read_recorded_negatives(write(tmp_path, ROW, *STRANGERS), tiny)
    said = str(caught.value)
    assert "negatives.jsonl:2: field 'query_id': 4 rows" in said
    assert "lines 2, 3, 4, 5" in said
    assert "2× query_id: no query" in said
    assert "1× positive_id: no document" in said
    assert "1× positive_id: not judged relevant" in said
    assert "'q77'" in said
    assert "skip_unknown" in said


def test_ids_that_do_not_fit_can_be_left_out_with_a_note(
    tmp_path: Path, tiny: RetrievalDataset
) -> None:
    path = write(tmp_path, *STRANGERS, ROW)
    table, notes = read_recorded_negatives(path, tiny, skip_unknown=True)
    assert table.num_rows == 1
    assert len(notes) == 1
    assert "4 rows" in notes[0]


def test_development_queries_are_never_trained_on(tmp_path: Path, tiny: RetrievalDataset) -> None:
    moved = {**ROW, "query_id": "q3", "positive_id": "d2"}
    table, notes = read_recorded_negatives(write(tmp_path, ROW, moved), tiny)
    assert table["query_id"].to_pylist() == ["q1"]
    assert notes == [
        "negatives.jsonl: left out 1 row whose query and positive are no pair of the split 'train'"
    ]


def test_repeated_rows_count_once(tmp_path: Path, tiny: RetrievalDataset) -> None:
    again = {**ROW, "text": "Clouds  are white. ", "title": "second"}
    table, notes = read_recorded_negatives(write(tmp_path, ROW, again, ROW), tiny)
    assert table["title"].to_pylist() == [""]
    assert notes == ["negatives.jsonl: left out 2 repeated rows"]


@pytest.mark.parametrize(
    ("folder", "file", "rows"),
    [
        ("scifact", "scifact/synthetic.jsonl", 809),
        ("scifact", "scifact/causal.jsonl", 809),
        ("scifact-disjoint", "scifact/synthetic.jsonl", 480),
        ("covidqa", "covidqa/synthetic.jsonl", 811),
        ("covidqa-disjoint", "covidqa/synthetic.jsonl", 452),
    ],
)
def test_the_recorded_files_are_read(data_folder: Path, folder: str, file: str, rows: int) -> None:
    dataset = read_beir_folder(data_folder / folder)
    table, notes = read_recorded_negatives(data_folder / file, dataset)
    assert table.num_rows == rows
    assert table["text"].null_count == 0
    assert table["reasoning"].null_count == 0
    assert bool(notes) == folder.endswith("disjoint")
