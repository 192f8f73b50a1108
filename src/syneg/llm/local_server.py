"""The child process that serves a GGUF model with llama.cpp on this machine.

Run as `python -m syneg.llm.local_server MODEL_FILE …`. When the server is ready it writes one
line of JSON, `{"address": "http://127.0.0.1:PORT"}`, to its standard output. It lives as long as
its standard input is open: when the parent ends, however it ends, the pipe closes and the child
leaves by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_STANDARD_OUTPUT = 1
_STANDARD_ERROR = 2
_LOOPBACK = "127.0.0.1"
_PARENT_CHECK_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until standard input ends.

    Args:
        arguments: The command line; None for the process's own.
    """
    options = _parse(arguments)
    parent = os.getppid()
    threading.Thread(target=_leave_at_end_of_input, daemon=True).start()
    # llama.cpp may write to standard output, where the parent reads JSON: it gets the log.
    answer_pipe = os.dup(_STANDARD_OUTPUT)
    os.dup2(_STANDARD_ERROR, _STANDARD_OUTPUT)

    import xllamacpp

    parameters = xllamacpp.CommonParams()
    fill_parameters(parameters, options)
    server = xllamacpp.Server(parameters)
    ready = json.dumps({"address": server.listening_address}) + "\n"
    os.write(answer_pipe, ready.encode("utf-8"))
    os.close(answer_pipe)
    # A process forked from the parent may hold the other end of the pipe open after it.
    gone = threading.Event()
    while os.getppid() == parent:
        gone.wait(_PARENT_CHECK_SECONDS)
    os._exit(0)


def fill_parameters(parameters: Any, options: argparse.Namespace) -> None:
    """Fill llama.cpp's parameters from the command line.

    What is left alone is llama.cpp's own choice: continuous batching and reuse of the prompt's
    unchanged beginning are on, flash attention is used where it can be.

    Args:
        parameters: A fresh `xllamacpp.CommonParams`.
        options: What the command line said.
    """
    parameters.model.path = str(options.model_file)
    parameters.n_parallel = options.slots
    parameters.n_ctx = options.slots * options.context_tokens_per_slot
    parameters.cpuparams.n_threads = options.threads
    parameters.cpuparams_batch.n_threads = options.threads
    parameters.port = 0  # any free port
    if hasattr(parameters, "hostnames"):
        parameters.hostnames = [_LOOPBACK]
    else:  # xllamacpp before it could listen on several addresses
        parameters.hostname = _LOOPBACK
    # Every slot keeps the beginning that all requests share. A store of whole prompts beside
    # the slots (8 GiB by default) would cost memory and never be read: no prompt comes twice.
    if hasattr(parameters, "cache_ram_mib"):
        parameters.cache_ram_mib = 0
    # Nobody looks at the built-in web page.
    if hasattr(parameters, "ui"):
        parameters.ui = False


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m syneg.llm.local_server")
    parser.add_argument("model_file", type=Path)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--context-tokens-per-slot", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args(arguments)


def _leave_at_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    # At once: taking the server down in order would wait for answers that nobody reads.
    os._exit(0)


if __name__ == "__main__":
    main()
