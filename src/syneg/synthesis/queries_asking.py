"""Asking a language model for what the journal does not have yet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from syneg.errors import InputError
from syneg.llm.address import api_key_from_environment, is_this_machine
from syneg.llm.client import OpenAICompatibleModel, check_server
from syneg.llm.engine import EngineSummary, answer_all
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest, LanguageModel
from syneg.progress import Progress

logger = logging.getLogger(__name__)

LOCAL = "local"
_TASK = "queries"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingOptions:
    """Whom to ask, and how.

    Attributes:
        server: The URL of an OpenAI-compatible server, or "local".
        model: The model's name at the server; None takes the only one.
        concurrency: Most requests under way at once, from 1.
        seconds: The time budget, above 0; None for none.
        offline: Refuse a server that is not on this machine.
        retry_failed: Ask again what failed earlier in a way that asking again rarely mends.
    """

    server: str
    model: str | None = None
    concurrency: int = 8
    seconds: float | None = None
    offline: bool = False
    retry_failed: bool = False


def ask_for_queries(
    requests: Sequence[ChatRequest],
    journal: Journal,
    options: AskingOptions,
    *,
    log_file: Path,
    progress: Progress,
) -> tuple[str, EngineSummary | None]:
    """Ask what is not answered yet; a server is needed only where something is left.

    Args:
        requests: What to ask.
        journal: Where the answers are, and go.
        options: Whom to ask.
        log_file: Where the log of the local server goes.
        progress: Shows the requests done.

    Returns:
        The model's name, and what was asked; None where all was answered before.

    Raises:
        InputError: The server does not answer, refuses the key, or stops answering. The
            answers that came before are in the journal.
    """
    if options.server == LOCAL:
        return _ask_local(requests, journal, options, log_file, progress)
    model = OpenAICompatibleModel(options.server, options.model, api_key=api_key_from_environment())
    if options.model is not None and not _waiting(requests, journal, options.model):
        return options.model, None
    here = is_this_machine(model.url)
    if options.offline and not here:
        raise InputError(
            "the language model server is not on this machine, and --offline was given",
            field="--llm",
            value=model.url,
            remedy="leave --offline away, or give a server on this machine",
        )
    name = check_server(model)
    waiting = _waiting(requests, journal, name)
    if not waiting:
        return name, None
    if not here:
        logger.warning("the texts of %d documents will be sent to %s", waiting, model.url)
    return name, _ask(requests, model, journal, options, progress)


def _ask_local(
    requests: Sequence[ChatRequest],
    journal: Journal,
    options: AskingOptions,
    log_file: Path,
    progress: Progress,
) -> tuple[str, EngineSummary | None]:
    from syneg.llm.local import LocalServer

    local = LocalServer(
        slots=options.concurrency,
        context_tokens_per_slot=_PROMPT_TOKENS + requests[0].max_tokens,
        log_file=log_file,
    )
    if not _waiting(requests, journal, local.model_name):
        return local.model_name, None
    logger.info("the local language model is very small: it shows the way, not the quality")
    with local:
        return local.model_name, _ask(requests, local.model(), journal, options, progress)


# The rules, four examples and three hundred words of a document, also of a Chinese one.
_PROMPT_TOKENS = 1792


def _ask(
    requests: Sequence[ChatRequest],
    model: LanguageModel,
    journal: Journal,
    options: AskingOptions,
    progress: Progress,
) -> EngineSummary:
    return answer_all(
        requests,
        model,
        journal,
        concurrency=options.concurrency,
        seconds=options.seconds,
        retry_failed=options.retry_failed,
        progress=progress,
        task_name=_TASK,
    )


def _waiting(requests: Sequence[ChatRequest], journal: Journal, model: str) -> int:
    keys = (request.key(model) for request in requests)
    return len(requests) - len(journal.answered(keys))
