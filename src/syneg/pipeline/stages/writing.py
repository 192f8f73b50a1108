"""Where synthetic negatives come from: a file, or a language model that is asked now."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.errors import InputError, MissingExtraError
from syneg.files import file_hash
from syneg.llm.address import api_key_from_environment, is_this_machine
from syneg.llm.client import OpenAICompatibleModel, check_server
from syneg.llm.engine import EngineSummary, answer_all
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest, LanguageModel
from syneg.mining.similarity import add_similarities
from syneg.pipeline.manifest import LANGUAGE_MODEL, RECORDED
from syneg.pipeline.run import Run, check_recorded
from syneg.synthesis.pairs import first_positives
from syneg.synthesis.profile import Profile, load_profile, profile_for
from syneg.synthesis.prompt import Prompt
from syneg.synthesis.recorded import read_recorded_negatives
from syneg.synthesis.source import build_requests, negatives_from_journal

logger = logging.getLogger(__name__)


def has_language_model(run: Run) -> bool:
    """Tell whether the run has synthetic negatives at all, recorded or to be written."""
    return run.config.llm.recorded is not None or run.config.llm.server != "none"


def queries_to_write_for(run: Run) -> list[str]:
    """Return the training queries that get synthetic negatives, sorted."""
    recorded = run.config.llm.recorded
    if recorded is not None:
        return sorted(set(_recorded(run, recorded)[0]["query_id"].to_pylist()))
    if run.config.llm.queries is None:
        pairs = first_positives(run.dataset, run.config.dataset.train)
        return sorted(pair.query_id for pair in pairs)
    return sorted({_tagged(request, "query_id") for request in _requests(run)[0]})


def synthetic_negatives(
    run: Run, query_ids: Collection[str] | None = None
) -> tuple[pa.Table, dict[str, Any]]:
    """Return synthetic negatives with their similarities, and what it took to get them.

    What is asked is in the run's journal first, and what is in the journal is not asked again.

    Args:
        run: A run with recorded negatives or a language model.
        query_ids: Only negatives of these, some of `queries_to_write_for`; None means all.

    Returns:
        Columns of `NEGATIVE_SCHEMA`, and a summary for the manifest.
    """
    recorded = run.config.llm.recorded
    if recorded is not None:
        table, summary = _recorded(run, recorded)
        if query_ids is not None:
            wanted = pa.array(sorted(query_ids), table.schema.field("query_id").type)
            table = table.filter(pc.is_in(table["query_id"], value_set=wanted))
    else:
        table, summary = _written(run, query_ids)
    table = add_similarities(table, run.dataset, run.encoder, run.vectors)
    return table, summary


def check_local_server() -> None:
    """Make sure that the local language model is installed.

    Raises:
        InputError: llama.cpp or the model is missing; the message has the install line.
    """
    from syneg.llm.local import packaged_model_file

    packaged_model_file()
    if importlib.util.find_spec("xllamacpp") is None:
        raise MissingExtraError("xllamacpp", "local")


def check_language_model(run: Run) -> None:
    """Find out before any long work whether the language model can be asked.

    Raises:
        InputError: The server does not answer, refuses the key, or must not be asked
            because of `offline`.
    """
    options = run.config.llm
    if options.recorded is not None:
        check_recorded(options.recorded)
        _recorded(run, options.recorded)  # A bad line is told now, not after the mining.
        return
    if options.server == "none":
        return
    _profile(run)
    if options.server == "local":
        check_local_server()
        return
    model = _remote(run)
    if not is_this_machine(model.url):
        requests, _ = _requests(run)
        logger.warning(
            "the texts of %d queries and %d documents will be sent to %s",
            len({_tagged(request, "query_id") for request in requests}),
            len({_tagged(request, "positive_id") for request in requests}),
            model.url,
        )
    check_server(model)


def _recorded(run: Run, path: Path) -> tuple[pa.Table, dict[str, Any]]:
    table, notes = read_recorded_negatives(
        path,
        run.dataset,
        split=run.config.dataset.train,
        skip_unknown=run.config.dataset.skip_unknown,
    )
    run.manifest.state(RECORDED, file_hash(path), "give another --output for the new file")
    return table, {"server": "recorded", "file": str(path), "notes": notes}


def _written(run: Run, query_ids: Collection[str] | None) -> tuple[pa.Table, dict[str, Any]]:
    requests, prompt = _requests(run, query_ids)
    journal = Journal(run.folder / "journal.sqlite")
    if run.config.llm.server != "local":
        model = _remote(run)
        if run.config.llm.model is None:
            check_server(model)  # The only model of the server is taken.
        run.manifest.state(
            LANGUAGE_MODEL,
            model.name,
            "let the server serve the model that this run began with, or give another --output",
        )
        summary = _ask(run, requests, model, journal)
    else:
        from syneg.llm.local import LocalServer

        with LocalServer(
            slots=run.config.llm.concurrency, log_file=run.folder / "llm-server.log"
        ) as server:
            model = server.model()
            summary = _ask(run, requests, model, journal)
    table = negatives_from_journal(requests, journal, model.name, prompt)
    return table, {
        "server": run.config.llm.server,
        "model": model.name,
        "prompt": prompt.fingerprint,
        "requests": len(requests),
        **summary.as_dict(),
    }


def _ask(
    run: Run, requests: list[ChatRequest], model: LanguageModel, journal: Journal
) -> EngineSummary:
    return answer_all(
        requests,
        model,
        journal,
        concurrency=run.config.llm.concurrency,
        seconds=run.config.llm.seconds,
        progress=run.progress,
        task_name="synthesize",
    )


def _remote(run: Run) -> OpenAICompatibleModel:
    model = OpenAICompatibleModel(
        run.config.llm.server, run.config.llm.model, api_key=api_key_from_environment()
    )
    if run.config.offline and not is_this_machine(model.url):
        raise InputError(
            "the language model server is not on this machine, and --offline was given",
            field="llm.server",
            value=model.url,
            remedy="leave --offline away, or give a server on this machine",
        )
    return model


def _requests(
    run: Run, query_ids: Collection[str] | None = None
) -> tuple[list[ChatRequest], Prompt]:
    options = run.config.synthesis
    profile = _profile(run)
    prompt = Prompt(profile, options)
    requests = build_requests(
        run.dataset,
        run.config.dataset.train,
        prompt,
        options,
        profile,
        seed=run.config.seed,
        query_ids=query_ids,
    )
    limit = run.config.llm.queries
    if limit is not None and query_ids is None:
        # The first requests are those of the first queries, whatever the number per query.
        chosen = {_tagged(request, "query_id") for request in requests[:limit]}
        requests = [one for one in requests if _tagged(one, "query_id") in chosen]
    return requests, prompt


def _profile(run: Run) -> Profile:
    named = run.config.synthesis.profile
    return load_profile(named) if named else profile_for(run.dataset.name)


def _tagged(request: ChatRequest, name: str) -> str:
    return str(json.loads(request.tag)[name])
