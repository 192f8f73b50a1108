"""The stages in which negatives are proposed: mined, and written by a language model."""

from __future__ import annotations

import importlib.util
import json
import logging
from pathlib import Path
from typing import Any

import pyarrow as pa

from syneg.errors import InputError, MissingExtraError
from syneg.files import file_hash
from syneg.llm.address import api_key_from_environment, is_this_machine
from syneg.llm.client import OpenAICompatibleModel, check_server
from syneg.llm.engine import EngineSummary, answer_all
from syneg.llm.journal import Journal
from syneg.llm.protocol import ChatRequest, LanguageModel
from syneg.mining.similarity import add_similarities
from syneg.mining.source import NegativeSource
from syneg.mining.sources import BM25Source, DenseSource, RandomSource
from syneg.pipeline.manifest import LANGUAGE_MODEL, RECORDED
from syneg.pipeline.run import Run, check_recorded
from syneg.synthesis.profile import Profile, load_profile, profile_for
from syneg.synthesis.prompt import Prompt
from syneg.synthesis.recorded import read_recorded_negatives
from syneg.synthesis.source import build_requests, negatives_from_journal

logger = logging.getLogger(__name__)
SYNTHETIC_PART = "llm"


def mine(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Propose BM25, dense and random negatives for the training queries."""
    options, split = run.config.mining, run.config.dataset.train
    fill = max(10, run.config.mixing.total)
    sources: list[NegativeSource] = [
        BM25Source(options.depth),
        DenseSource(run.encoder, run.vectors, options.depth),
        RandomSource(fill, seed=run.config.seed),
    ]
    summary: dict[str, Any] = {}
    written = []
    with run.progress.task("mine", total=len(sources)) as task:
        for source in sources:
            task.describe(source.name)
            proposals = source.propose(run.dataset, split)
            proposals = add_similarities(proposals, run.dataset, run.encoder, run.vectors)
            run.pool.write_negatives(source.name, proposals)
            written.append(run.folder / "pool" / "negatives" / f"{source.name}.parquet")
            summary[source.name] = proposals.num_rows
            task.advance()
    return {"proposed": summary}, written


def synthesize(run: Run) -> tuple[dict[str, Any], list[Path]]:
    """Propose synthetic negatives: recorded ones, or written by a language model now."""
    options = run.config.llm
    if options.recorded is not None:
        table, summary = _recorded(run, options.recorded)
        for note in summary["notes"]:
            logger.info("%s", note)
    elif options.server == "none":
        return {"server": "none", "proposed": 0}, []
    else:
        table, summary = _written(run)
    table = add_similarities(table, run.dataset, run.encoder, run.vectors)
    run.pool.write_negatives(SYNTHETIC_PART, table)
    path = run.folder / "pool" / "negatives" / f"{SYNTHETIC_PART}.parquet"
    return {**summary, "proposed": table.num_rows}, [path]


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


def _written(run: Run) -> tuple[pa.Table, dict[str, Any]]:
    requests, prompt = _requests(run)
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


def _requests(run: Run) -> tuple[list[ChatRequest], Prompt]:
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
    )
    limit = run.config.llm.queries
    if limit is not None:
        # The first requests are those of the first queries, whatever the number per query.
        chosen = {_tagged(request, "query_id") for request in requests[:limit]}
        requests = [one for one in requests if _tagged(one, "query_id") in chosen]
    return requests, prompt


def _profile(run: Run) -> Profile:
    named = run.config.synthesis.profile
    return load_profile(named) if named else profile_for(run.dataset.name)


def _tagged(request: ChatRequest, name: str) -> str:
    return str(json.loads(request.tag)[name])
