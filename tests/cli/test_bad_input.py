"""Bad input: one clear line that names the place and the remedy, exit code 2, no traceback."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from syneg.encoders.locate import packaged_minilm


def refused(ended, *parts: str) -> None:
    assert ended.code == 2, ended
    lines = [line for line in ended.err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""
    for part in parts:
        assert part in lines[0]


def replace_line(path: Path, number: int, text: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[number - 1] = text
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_on(folder: Path) -> list[object]:
    return ["run", "--dataset", folder, "--output", folder.parent / "out"]


def test_a_data_set_that_is_not_there(syneg, tmp_path: Path) -> None:
    refused(syneg(*run_on(tmp_path / "nothing")), "nothing", "pydocs", "hub:OWNER/NAME")


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_a_missing_file(syneg, animal_folder: Path, name: str) -> None:
    (animal_folder / name).unlink()
    refused(syneg(*run_on(animal_folder)), name)


def test_missing_qrels(syneg, animal_folder: Path) -> None:
    shutil.rmtree(animal_folder / "qrels")
    refused(syneg(*run_on(animal_folder)), "qrels")


def test_a_line_that_is_not_json(syneg, animal_folder: Path) -> None:
    replace_line(animal_folder / "corpus.jsonl", 3, '{"_id": "x", ')
    refused(syneg(*run_on(animal_folder)), "corpus.jsonl:3", "JSON")


def test_a_wrong_type(syneg, animal_folder: Path) -> None:
    replace_line(animal_folder / "corpus.jsonl", 2, '{"_id": "x", "title": "", "text": 7}')
    refused(syneg(*run_on(animal_folder)), "corpus.jsonl:2", "'text'", "7")


def test_a_duplicate_id(syneg, animal_folder: Path) -> None:
    path = animal_folder / "corpus.jsonl"
    replace_line(path, 2, path.read_text(encoding="utf-8").splitlines()[0])
    refused(syneg(*run_on(animal_folder)), "corpus.jsonl:2", "d-cat")


def test_an_empty_query(syneg, animal_folder: Path) -> None:
    replace_line(animal_folder / "queries.jsonl", 1, '{"_id": "q-cat", "text": "  "}')
    refused(syneg(*run_on(animal_folder)), "queries.jsonl:1", "q-cat")


def test_an_empty_positive(syneg, animal_folder: Path) -> None:
    replace_line(animal_folder / "corpus.jsonl", 1, '{"_id": "d-cat", "title": "", "text": ""}')
    refused(syneg(*run_on(animal_folder)), "corpus.jsonl:1", "d-cat")


def test_not_utf8(syneg, animal_folder: Path) -> None:
    path = animal_folder / "queries.jsonl"
    path.write_bytes(path.read_bytes().replace(b"content", b"c\xff\xfent"))
    refused(syneg(*run_on(animal_folder)), "queries.jsonl:1", "UTF-8")


def test_unknown_ids_are_counted_and_can_be_skipped(syneg, animal_folder: Path) -> None:
    with (animal_folder / "qrels" / "test.tsv").open("a", encoding="utf-8") as handle:
        handle.write("q-cat\td-unicorn\t1\nq-dragon\td-cat\t1\nq-cat\td-dog\tyes\n")
    arguments = ["evaluate", "--dataset", animal_folder, "--json"]
    refused(syneg(*arguments), "test.tsv:6", "d-unicorn", "3 bad rows", "--skip-unknown")
    ended = syneg(*arguments, "--skip-unknown")
    assert ended.code == 0
    assert json.loads(ended.out)["queries"] == 4


def test_no_such_split(syneg, animal_folder: Path) -> None:
    ended = syneg("evaluate", "--dataset", animal_folder, "--split", "tset")
    refused(ended, "tset", "train, test")


def test_a_model_without_weights(syneg, animal_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(packaged_minilm(), folder)
    (folder / "model.safetensors").unlink()
    ended = syneg("evaluate", "--dataset", animal_folder, "--model", folder)
    refused(ended, "no weights", "model.safetensors")


def test_an_unknown_key_names_the_nearest(syneg, animal_folder: Path) -> None:
    ended = syneg(*run_on(animal_folder), "--set", "training.epoch=3")
    refused(ended, "training.epoch", "did you mean 'training.epochs'?")


def test_an_unknown_key_in_a_file_names_the_file(
    syneg, animal_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("mixin:\n  synthetic: 2\n", encoding="utf-8")
    ended = syneg(*run_on(animal_folder), "--config", file)
    refused(ended, "my.yaml", "mixin", "did you mean 'mixing'?")


def test_a_value_out_of_range(syneg, animal_folder: Path) -> None:
    refused(
        syneg(*run_on(animal_folder), "--set", "training.temperature=-1"),
        "training.temperature",
        "-1",
    )


def test_an_output_that_is_a_file(syneg, animal_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("mine", encoding="utf-8")
    refused(syneg(*run_on(animal_folder)), "out", "is a file")
    assert file.read_text(encoding="utf-8") == "mine"


def test_an_output_with_other_files(syneg, animal_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "thesis.tex").write_text("precious", encoding="utf-8")
    refused(syneg(*run_on(animal_folder)), "thesis.tex", "--output")


def test_no_data_set_named(syneg, tmp_path: Path) -> None:
    refused(syneg("run", "--output", tmp_path / "out"), "--dataset")


def test_a_server_that_does_not_answer(syneg, animal_folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ended = syneg(*run_on(animal_folder), "--llm", f"http://127.0.0.1:{port}/v1")
    refused(ended, f"127.0.0.1:{port}")
    # It was found out before any long work.
    assert not (animal_folder.parent / "out" / "embeddings").exists()


def test_offline_forbids_a_server_elsewhere(syneg, animal_folder: Path) -> None:
    ended = syneg(*run_on(animal_folder), "--llm", "https://llm.example.org/v1", "--offline")
    refused(ended, "llm.example.org", "--offline")


def test_recorded_negatives_with_a_bad_line(syneg, animal_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "negatives.jsonl"
    file.write_text('{"query_id": "q-cat", "positive_id": "d-cat"}\n', encoding="utf-8")
    # Told before the corpus is encoded: the file is cheap to check.
    ended = syneg(*run_on(animal_folder), "--synthetic", file)
    refused(ended, "negatives.jsonl:1", "text")
    assert not (animal_folder.parent / "out" / "embeddings").exists()


def test_recorded_negatives_that_are_not_there(syneg, animal_folder: Path) -> None:
    refused(syneg(*run_on(animal_folder), "--synthetic", "no.jsonl"), "no.jsonl")


def test_a_secret_in_the_address_is_neither_shown_nor_kept(
    syneg, animal_folder: Path, tmp_path: Path
) -> None:
    ended = syneg(*run_on(animal_folder), "--llm", "https://user:s3cr3t@llm.example.org/v1")
    refused(ended, "SYNEG_LLM_API_KEY")
    assert "s3cr3t" not in ended.err
    assert not (tmp_path / "out").exists()


def test_a_line_number_is_no_emoji(syneg, animal_folder: Path) -> None:
    corpus = animal_folder / "corpus.jsonl"
    rows = [json.dumps({"_id": f"n{number}", "title": "", "text": "x"}) for number in range(99)]
    corpus.write_text("\n".join([*rows, "no JSON"]) + "\n", encoding="utf-8")
    refused(syneg(*run_on(animal_folder)), "corpus.jsonl:100: ")


def test_what_was_refused_can_be_mended_and_tried_again(
    syneg, animal_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "negatives.jsonl"
    file.write_text("no JSON\n", encoding="utf-8")
    arguments = ["synthesize", *run_on(animal_folder)[1:], "--synthetic", file]
    refused(syneg(*arguments), "negatives.jsonl:1")
    row = {"query_id": "q-cat", "positive_id": "d-cat", "text": "Cats were sacred in Egypt."}
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert syneg(*arguments).code == 0


def test_one_split_cannot_have_two_roles(syneg, animal_folder: Path) -> None:
    ended = syneg(*run_on(animal_folder), "--set", "dataset.development=test")
    refused(ended, "three different splits")


def test_a_source_that_does_not_exist(syneg, animal_folder: Path) -> None:
    refused(syneg(*run_on(animal_folder), "--set", "mixing.sources=[bm52]"), "mixing.sources")


def test_recorded_negatives_and_a_model_at_once(syneg, animal_folder: Path) -> None:
    ended = syneg(*run_on(animal_folder), "--llm", "local", "--synthetic", "negatives.jsonl")
    refused(ended, "not both")


def test_more_tokens_than_the_model_can_read(syneg, animal_folder: Path) -> None:
    ended = syneg(*run_on(animal_folder), "--set", "model.max_length=4096")
    refused(ended, "at most 512 tokens")


def test_a_device_that_is_not_there(syneg, animal_folder: Path) -> None:
    refused(syneg(*run_on(animal_folder), "--set", "model.device=tpu9"), "model.device", "tpu9")


def test_a_run_folder_and_a_data_set_at_once(syneg, animal_folder: Path, tmp_path: Path) -> None:
    ended = syneg("evaluate", "--dataset", animal_folder, "--output", tmp_path)
    refused(ended, "--dataset")
