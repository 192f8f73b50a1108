"""`syneg chunk` on the command line."""

from __future__ import annotations

from pathlib import Path

from syneg.datasets.beir import read_beir_folder


def test_chunks_can_be_measured(syneg, animal_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "chunks"
    arguments = ["chunk", "--dataset", animal_folder, "--output", output]
    ended = syneg(*arguments, "--most-words", 10, "--overlap-words", 0)
    assert ended.code == 0, ended.err
    assert "32 documents became" in ended.out and "guess" in ended.out
    data = read_beir_folder(output)
    assert data.corpus.num_rows > 32
    assert data.positives("test").num_rows == 4
    assert syneg("evaluate", "--dataset", output, "--json").code == 0


def test_bad_arguments(syneg, animal_folder: Path, tmp_path: Path) -> None:
    for arguments, part in (
        (["--judgements", "some"], "best or all"),
        (["--most-words", 3], "most_words"),
        (["--overlap-words", 150], "overlap_words"),
        (["--dataset", tmp_path / "nothing"], "nothing"),
    ):
        given = ["--dataset", animal_folder, "--output", tmp_path / "chunks"]
        ended = syneg("chunk", *given, *arguments)
        assert ended.code == 2 and part in ended.err and "Traceback" not in ended.err
    assert not (tmp_path / "chunks").exists()


def test_a_corpus_without_judgements_says_what_comes_next(
    syneg, animal_folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "chunks"
    ended = syneg("chunk", "--dataset", animal_folder / "corpus.jsonl", "--output", output)
    assert ended.code == 0
    assert f"next: syneg queries --dataset {output}" in ended.err
