"""What a run folder says of itself: configuration, versions, finished stages, hashes."""

from __future__ import annotations

import fcntl
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

import syneg
from syneg.errors import InputError
from syneg.files import file_hash, read_json, write_json, write_text
from syneg.pipeline.config import RunConfig, differences
from syneg.pipeline.stage_reads import BEFORE_PILOTS, again_from, first_stage

_PACKAGES = (
    "torch", "sentence-transformers", "transformers", "datasets", "bm25s", "ir-measures",
    "pyarrow", "numpy", "xllamacpp",
)  # fmt: skip


WRITING, TRAINING = "synthesize", "train"
DATA_SET, STARTING_MODEL = "data set", "starting model"
RECORDED, LANGUAGE_MODEL = "file of recorded negatives", "language model"
"""Names of the facts that must stay true while a run goes on."""

_FACTS = {"dataset": DATA_SET, "model": STARTING_MODEL, "llm": RECORDED}


class Manifest:
    """The file `manifest.json` of a run folder.

    Args:
        folder: The run folder.
        config: The configuration of this call.
        strangers: Whether a new run may begin in a folder that holds other files.

    Raises:
        InputError: The folder holds a run with another configuration (the difference is
            shown), something that is no run, or a damaged manifest.
    """

    def __init__(self, folder: Path, config: RunConfig, *, strangers: bool = False) -> None:
        self.path = folder / "manifest.json"
        self.folder = folder
        dumped = config.model_dump(mode="json")
        if self.path.is_file():
            self.content = self._read()
            changed = differences(self.content["config"], dumped)
            stages = self.content["stages"]
            self._complete_pilot(bool(changed))
            piloted = "pilot" in stages and "skipped" not in stages["pilot"]["summary"]
            lines = [f"{key}: {old} → {new}" for key, (old, new) in changed.items()]
            again = {
                key: stage
                for key, (old, new) in changed.items()
                if TRAINING not in stages
                and (stage := again_from(key, old, new, piloted=piloted)) is not None
            }
            # What a stage that is yet to come reads may still change: nothing is overwritten.
            others = changed.keys() - again.keys()
            if any(first_stage(key, piloted=piloted) in stages for key in others):
                shown = ", ".join(lines[:10]) + (" …" if len(lines) > 10 else "")
                raise InputError(
                    f"the run folder was made with another configuration ({shown})",
                    file=folder,
                    remedy="give another --output, or the same configuration to go on",
                )
            if not changed:
                return
            for stage in again.values():
                self._forget_after(stage)
            for key in others:
                self.content["facts"].pop(_FACTS.get(key.partition(".")[0], ""), None)
            self.content["config"] = dumped
        else:
            if not strangers:
                self._refuse_strangers()
            self.content = {
                "syneg": syneg.__version__,
                "versions": _versions(),
                "machine": _machine(),
                "config": dumped,
                "facts": {},
                "stages": {},
            }
        write_text(folder / "config.yaml", yaml.safe_dump(dumped, sort_keys=False))
        self._write()

    @property
    def facts(self) -> dict[str, Any]:
        """Return what must stay true while a run goes on, such as the data's hash."""
        facts: dict[str, Any] = self.content["facts"]
        return facts

    def state(self, name: str, value: Any, remedy: str) -> None:
        """Write down a fact, or make sure that it still holds.

        Raises:
            InputError: The fact is another one than when the run began.
        """
        known = self.facts.get(name)
        if known is not None and known != value:
            raise InputError(
                f"the {name} is not what it was when this run began",
                file=self.folder,
                remedy=remedy,
            )
        if known is None:
            self.facts[name] = value
            self._write()

    def finished(self, stage: str) -> dict[str, Any] | None:
        """Return a finished stage's summary; None if it is to be done, or its files changed."""
        entry = self.content["stages"].get(stage)
        if entry is None:
            return None
        for name, size in entry["sizes"].items():
            path = self.folder / name
            if not path.is_file() or path.stat().st_size != size:
                return None
        summary: dict[str, Any] = entry["summary"]
        return summary

    def finish(
        self, stage: str, summary: dict[str, Any], outputs: list[Path], seconds: float
    ) -> None:
        """Write down that a stage is done, with the sizes and hashes of its files."""
        names = {str(path.relative_to(self.folder)): path for path in sorted(outputs)}
        self.content["stages"][stage] = {
            "seconds": round(seconds, 2),
            "summary": summary,
            "sizes": {name: path.stat().st_size for name, path in names.items()},
            "sha256": {name: file_hash(path) for name, path in names.items()},
        }
        self._write()

    def forget_from(self, stages: list[str]) -> None:
        """Forget the given stages: what they were made from has changed."""
        for stage in stages:
            self.content["stages"].pop(stage, None)
        self._write()

    def write_on(self) -> None:
        """Take up the writing again where it was finished: there is more to be had.

        Raises:
            InputError: A model was trained on what had been written.
        """
        stages = self.content["stages"]
        if TRAINING in stages:
            raise InputError(
                "a model was trained already on what was written in this run folder",
                file=self.folder,
                remedy="give another --output, and the journal of this one with "
                f"--set llm.journal={self.folder / 'journal.sqlite'}: nothing is asked twice",
            )
        self._forget_after(WRITING)

    def _forget_after(self, stage: str) -> None:
        """Forget a stage and those after it, if it was done."""
        done = list(self.content["stages"])
        if stage in done:
            self.forget_from(done[done.index(stage) :])

    def _complete_pilot(self, changed: bool) -> None:
        """Settle what stands of the pilot in a folder that an earlier call left."""
        stages = self.content["stages"]
        if "synthesize" in stages and "pilot" not in stages:
            # A version that had no pilot wrote the negatives: nothing could be held back now,
            # and what was done stays done.
            stages["pilot"] = {
                "seconds": 0.0,
                "summary": {"skipped": BEFORE_PILOTS},
                "sizes": {},
                "sha256": {},
            }
        skipped = "skipped" in stages.get("pilot", {}).get("summary", {})
        if changed and skipped and "synthesize" not in stages:
            # With another configuration there may be a pilot; to look again costs nothing.
            del stages["pilot"]

    def _read(self) -> dict[str, Any]:
        try:
            content = read_json(self.path)
            if not {"config", "facts", "stages"} <= set(content):
                raise KeyError("config")
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                "is not a manifest that syneg wrote",
                file=self.path,
                remedy="give another --output",
            ) from error
        return dict(content)

    def _refuse_strangers(self) -> None:
        # The lock and the editor's hidden files may lie in a folder that is otherwise new.
        strangers = sorted(path.name for path in self.folder.iterdir() if path.name[0] != ".")
        if strangers and strangers != ["config.yaml"]:
            raise InputError(
                f"the output folder holds other files ('{strangers[0]}') and no run",
                file=self.folder,
                remedy="give an empty or new folder as --output",
            )

    def _write(self) -> None:
        write_json(self.path, self.content)


@contextmanager
def run_folder(folder: Path) -> Iterator[Path]:
    """Make a run folder and hold it for this process alone.

    Raises:
        InputError: The path is a file, cannot be made, or another process works in it.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError("the output is a file", file=folder, remedy="give a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / ".lock").open("w")
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise InputError(
            f"the output folder cannot be made: {error.strerror}",
            file=folder,
            remedy="give another --output",
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                "another process is working in this run folder",
                file=folder,
                remedy="wait for it, or give another --output",
            ) from error
        yield folder


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "executable": sys.implementation.name,
    }
