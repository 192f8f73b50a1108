from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def mount(folder: Path, size: str, *, again: bool = False) -> bool:
    options = f"remount,size={size}" if again else f"size={size}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    try:
        mounted = mount(folder, "60k")
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a small file system cannot be mounted here (this needs root on Linux)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_loses_nothing(small_disk: Path, animal_folder: Path) -> None:
    command = [
        sys.executable, "-m", "syneg", "mine", "--dataset", str(animal_folder),
        "--output", str(small_disk / "run"),
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith("error: the disk is full")
    assert mount(small_disk, "50m", again=True)
    subprocess.run(command, check=True, capture_output=True)
    assert (small_disk / "run" / "pool" / "negatives" / "dense.parquet").is_file()
