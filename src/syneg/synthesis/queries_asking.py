"""Asking a language model for what the journal does not have yet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from syneg.errors import InputError
from syneg.llm.address import (
    api_key_from_environment,
    is_this_machine,
    refuse_other_machines,
    server_address,
)
from syneg.llm.endpoints import language_model
from syneg.llm.engine import EngineSummary, answer_all
from syneg.llm.journal import Journal
from syneg.llm.model_list import check_server
from syneg.llm.prices import Limits, Prices
from syneg.llm.protocol import ChatRequest, LanguageModel
from syneg.progress import Progress

logger = logging.getLogger(__name__)

LOCAL = "local"
_TASK = "queries"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingOptions:
    """Whom to ask, and how.

    Limits hold for all processes that ever wrote to the same output together.

    Attributes:
        server: The URL of an OpenAI-compatible server, or "local".
        endpoints: URLs of further servers of the same model.
        model: The model's name at the server; None takes the only one.
        concurrency: Most requests under way at each server, from 1.
        seconds: The time budget, above 0; None for none.
        prices: What tokens cost; None where nobody knows.
        limits: Most money and tokens that may be spent; money needs the prices.
        journal: The file of answers; None keeps it in the output. Outputs that share one never
            ask twice for the same, so a corpus that has grown costs only what is new.
        offline: Refuse a server that is not on this machine.
        retry_failed: Ask again what failed earlier in a way that asking again rarely mends.

    Raises:
        InputError: An address cannot be used, or money is limited without prices.
    """

    server: str
    endpoints: tuple[str, ...] = ()
    model: str | None = None
    concurrency: int = 8
    seconds: float | None = None
    prices: Prices | None = None
    limits: Limits = field(default_factory=Limits)
    journal: Path | None = None
    offline: bool = False
    retry_failed: bool = False

    def __post_init__(self) -> None:
        if self.endpoints and LOCAL in (self.server, *self.endpoints):
            raise InputError(
                "stands alone, beside no other server",
                field="--llm",
                value=LOCAL,
                remedy="name 'local', or the URLs of servers",
            )
        for url in self.urls:
            server_address(url)
        if self.limits.cost is not None and self.prices is None:
            raise InputError(
                "needs prices",
                field="--max-cost",
                value=self.limits.cost,
                remedy="give --prices IN,OUT, in US dollars for a million tokens",
            )

    @property
    def urls(self) -> list[str]:
        """The addresses of all servers; none where the local one is started."""
        return [] if self.server == LOCAL else [self.server, *self.endpoints]


def ask_for_queries(
    requests: Sequence[ChatRequest],
    journal: Journal,
    options: AskingOptions,
    *,
    folder: Path,
    progress: Progress,
) -> tuple[str, EngineSummary | None]:
    """Ask what is not answered yet; a server is needed only where something is left.

    Args:
        requests: What to ask.
        journal: Where the answers are, and go.
        options: Whom to ask.
        folder: The output: gets the log of the local server, or what is remembered of others.
        progress: Shows the requests done.

    Returns:
        The model's name, and what was asked; None where all was answered before.

    Raises:
        InputError: The server does not answer, refuses the key, or stops answering. The
            answers that came before are in the journal.
    """
    if options.server == LOCAL:
        return _ask_local(requests, journal, options, folder, progress)
    if options.model is not None and not _waiting(requests, journal, options.model):
        return options.model, None
    if options.offline:
        refuse_other_machines(options.urls, field="--llm")
    away = [url for url in options.urls if not is_this_machine(url)]
    model = language_model(
        options.urls,
        options.model,
        api_key=api_key_from_environment(),
        concurrency=options.concurrency,
        memory=folder / "llm-server.json",
    )
    name = check_server(model)
    waiting = _waiting(requests, journal, name)
    if not waiting:
        return name, None
    if away:
        logger.warning("the texts of %d documents will be sent to %s", waiting, " and ".join(away))
    return name, _ask(requests, model, journal, options, folder, progress)


def _ask_local(
    requests: Sequence[ChatRequest],
    journal: Journal,
    options: AskingOptions,
    folder: Path,
    progress: Progress,
) -> tuple[str, EngineSummary | None]:
    from syneg.llm.local import LocalServer

    local = LocalServer(
        slots=options.concurrency,
        context_tokens_per_slot=_PROMPT_TOKENS + requests[0].max_tokens,
        log_file=folder / "llm-server.log",
    )
    if not _waiting(requests, journal, local.model_name):
        return local.model_name, None
    logger.info("the local language model is very small: it shows the way, not the quality")
    with local:
        return local.model_name, _ask(requests, local.model(), journal, options, folder, progress)


# The rules, four examples and three hundred words of a document, also of a Chinese one.
_PROMPT_TOKENS = 1792


def _ask(
    requests: Sequence[ChatRequest],
    model: LanguageModel,
    journal: Journal,
    options: AskingOptions,
    folder: Path,
    progress: Progress,
) -> EngineSummary:
    return answer_all(
        requests,
        model,
        journal,
        # Each server has its own pace; the crew must not hold them up.
        concurrency=options.concurrency * max(1, len(options.urls)),
        seconds=options.seconds,
        limits=options.limits,
        prices=options.prices,
        retry_failed=options.retry_failed,
        progress=progress,
        # Outputs that share a journal have a purse each.
        task_name=_TASK if options.journal is None else f"{_TASK} for {folder.resolve()}",
    )


def _waiting(requests: Sequence[ChatRequest], journal: Journal, model: str) -> int:
    keys = (request.key(model) for request in requests)
    return len(requests) - len(journal.answered(keys))
