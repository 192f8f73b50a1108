"""Asking the run's language model: its server, its limits and its journal, in one place."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from syneg.errors import InputError, MissingExtraError
from syneg.llm.address import api_key_from_environment, refuse_other_machines
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.endpoints import Endpoints, language_model
from syneg.llm.engine import EngineSummary, Limits, Work, answer_all
from syneg.llm.journal import Journal
from syneg.llm.model_list import check_server
from syneg.llm.protocol import LanguageModel
from syneg.pipeline.manifest import LANGUAGE_MODEL
from syneg.pipeline.run import Run

WRITING, JUDGING = "synthesize", "judge"
"""Names under which progress and spending are kept."""

# The longest prompts for the local model: rules, a sample, query, positive and candidate.
_PROMPT_TOKENS = 1_536
# It may run on slow processors; nobody pays for its time.
_LOCAL_SECONDS = 600.0

RemoteModel = OpenAICompatibleModel | Endpoints


def journal_of(run: Run) -> Journal:
    """Open the run's journal of answers."""
    return Journal(run.config.llm.journal or run.folder / "journal.sqlite")


def check_local_server() -> None:
    """Make sure that the local language model is installed.

    Raises:
        InputError: llama.cpp or the model is missing; the message has the install line.
    """
    from syneg.llm.local import packaged_model_file

    packaged_model_file()
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtraError("xllamacpp", "local")


def remote_model(run: Run) -> RemoteModel:
    """Return the model behind the run's server or servers, before anything is asked.

    Raises:
        InputError: A server is not on this machine and the run is to stay offline.
    """
    options = run.config.llm
    if run.config.offline:
        refuse_other_machines(options.urls, field="llm.server")
    return language_model(
        options.urls,
        options.model,
        api_key=api_key_from_environment(),
        timeout=options.timeout,
        concurrency=options.concurrency,
        requests_per_minute=options.requests_per_minute,
        tokens_per_minute=options.tokens_per_minute,
        memory=run.folder / "llm-server.json",
    )


def model_name(run: Run) -> str:
    """Return the name of the model that would be asked; a server without a name given is asked.

    Raises:
        InputError: There is no language model, or its server does not answer.
    """
    options = run.config.llm
    if options.server == "none":
        raise InputError(
            "no language model is named", field="--llm", remedy="give --llm URL or --llm local"
        )
    if options.server == "local":
        from syneg.llm.local import packaged_model_file

        return packaged_model_file().stem
    return options.model or check_server(remote_model(run))


@contextmanager
def language_model_of(run: Run) -> Iterator[LanguageModel]:
    """Give the language model that is to be asked; a local server runs for as long.

    Raises:
        InputError: The server does not answer, or serves another model than when the run began.
    """
    options = run.config.llm
    if options.server == "local":
        from syneg.llm.local import LocalServer

        with LocalServer(
            slots=options.concurrency,
            context_tokens_per_slot=_PROMPT_TOKENS + _most_answer_tokens(run),
            log_file=run.folder / "llm-server.log",
        ) as server:
            yield server.model(timeout=max(options.timeout, _LOCAL_SECONDS))
        return
    model = remote_model(run)
    if options.model is None:
        check_server(model)  # The only model of the server is taken.
    run.manifest.state(
        LANGUAGE_MODEL,
        model.name,
        "let the server serve the model that this run began with, or give another --output",
    )
    yield model


def _most_answer_tokens(run: Run) -> int:
    options = run.config.synthesis
    # An analysis may be twice as long as a text.
    return options.max_tokens * max(options.texts_per_call, 2 if options.prompt == "causal" else 1)


def ask(
    run: Run,
    model: LanguageModel,
    journal: Journal,
    work: Iterable[Work],
    *,
    total: int | None,
    task: str,
) -> EngineSummary:
    """Have work answered within the run's limits; what has an answer is not asked again.

    Args:
        run: Its options say how fast and for how much.
        model: Whom to ask.
        journal: Where the answers are kept.
        work: What to ask.
        total: How many items; None where nobody knows.
        task: `WRITING` or `JUDGING`.
    """
    options = run.config.llm
    return answer_all(
        work,
        model,
        journal,
        total=total,
        # Each server has its own pace; the crew must not hold them up.
        concurrency=options.concurrency * max(1, len(options.urls)),
        # The time budget is for writing; a judge that stops half-way would judge nothing.
        seconds=options.seconds if task == WRITING else None,
        limits=_left(run, journal, task),
        prices=options.prices,
        retry_failed=run.retry_failed,
        progress=run.progress,
        task_name=_ledger(run, task),
    )


def _left(run: Run, journal: Journal, task: str) -> Limits:
    """Return the limits of one task: the run's, less what the other has spent."""
    options = run.config.llm
    other = journal.spent(_ledger(run, JUDGING if task == WRITING else WRITING))
    # What is not above 0 is no limit: nothing is left then, and nothing may be begun.
    least = 1e-9
    cost = None if options.most_cost is None else max(least, options.most_cost - other.cost)
    tokens = None if options.most_tokens is None else max(1, options.most_tokens - other.tokens)
    return Limits(cost=cost, tokens=tokens)


def _ledger(run: Run, task: str) -> str:
    """Return the name under which the journal keeps what a task has spent."""
    # Runs that share a journal have a purse each.
    return task if run.config.llm.journal is None else f"{task} for {run.folder.resolve()}"
