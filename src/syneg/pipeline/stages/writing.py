"""Where synthetic negatives come from: a file, or a language model that is asked now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from syneg.files import file_hash
from syneg.llm.address import is_this_machine
from syneg.llm.estimate import Estimate, estimate
from syneg.llm.model_list import check_server
from syneg.llm.protocol import ChatAnswer
from syneg.mining.similarity import add_similarities
from syneg.negatives.pool import stands
from syneg.pipeline.manifest import RECORDED
from syneg.pipeline.run import Run, check_recorded
from syneg.pipeline.selected import select_mined
from syneg.pipeline.stages.asking import (
    WRITING,
    ask,
    check_local_server,
    journal_of,
    language_model_of,
    model_name,
    remote_model,
)
from syneg.synthesis.profile import Profile, load_profile, profile_for
from syneg.synthesis.recorded import read_recorded_negatives
from syneg.synthesis.writer import Writer

logger = logging.getLogger(__name__)
# So many prompts, evenly spaced, are rendered to estimate what all of them take.
_SAMPLE = 2_000


def has_language_model(run: Run) -> bool:
    """Tell whether the run has synthetic negatives at all, recorded or to be written."""
    return run.config.llm.recorded is not None or run.config.llm.server != "none"


def queries_to_write_for(run: Run) -> list[str]:
    """Return the training queries that get synthetic negatives, sorted."""
    recorded = run.config.llm.recorded
    if recorded is not None:
        return sorted(set(_recorded(run, recorded)[0]["query_id"].to_pylist()))
    return sorted(_writer(run).query_ids(most_queries=run.config.llm.queries))


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
    elif options.server != "none":
        _writer(run).refuse_positives()
    if options.server == "none":
        return
    if options.server == "local":
        check_local_server()
        return
    _say_what_leaves(run)
    check_server(remote_model(run))


def writing_estimate(run: Run) -> Estimate:
    """Return what the writing of all negatives would take, before anything is asked.

    Raises:
        InputError: There is no language model to ask.
    """
    writer = _writer(run, _mined(run))
    writer.refuse_positives()
    options = run.config.llm
    servers = max(1, len(options.urls))
    with journal_of(run) as journal:
        return estimate(
            writer.exchanges(**_queries(run, None)),
            model_name(run),
            journal,
            prices=options.prices,
            concurrency=options.concurrency * servers,
            requests_per_minute=options.requests_per_minute
            and options.requests_per_minute * servers,
            tokens_per_minute=options.tokens_per_minute and options.tokens_per_minute * servers,
            total=writer.count(**_queries(run, None)),
            sample=_SAMPLE,
            retry_failed=run.retry_failed,
        )


def _say_what_leaves(run: Run) -> None:
    """Tell how many texts are about to be sent to servers on other machines."""
    away = [url for url in run.config.llm.urls if not is_this_machine(url)]
    if away and run.config.llm.recorded is None:
        pairs = _writer(run).pairs(most_queries=run.config.llm.queries)
        logger.warning(
            "the texts of %d queries and %d documents will be sent to %s",
            len(pairs),
            len(set(pairs.documents.tolist())),
            " and ".join(away),
        )
    if away and run.config.judge.enabled:
        logger.warning("the texts that are judged will be sent to %s", " and ".join(away))


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
    writer = _writer(run, _mined(run))
    queries = _queries(run, query_ids)
    with journal_of(run) as journal, language_model_of(run) as model:
        total = writer.count(**queries)
        summary = ask(run, model, journal, writer.exchanges(**queries), total=total, task=WRITING)
        table = writer.negatives(journal, model.name, price=_price(run), **queries)
        name = model.name
    return table, {
        "server": run.config.llm.server,
        "model": name,
        "prompt": writer.fingerprint,
        "requests": total,
        **summary.as_dict(),
    }


def _price(run: Run) -> Callable[[ChatAnswer], float | None] | None:
    prices = run.config.llm.prices
    if prices is None:
        return None

    def price(answer: ChatAnswer) -> float | None:
        counted = answer.prompt_tokens, answer.completion_tokens
        if counted[0] is None or counted[1] is None:
            return None
        return prices.cost(counted[0], counted[1])

    return price


def _queries(run: Run, query_ids: Collection[str] | None) -> dict[str, Any]:
    """Return which queries are written for: those asked for, or the first so many."""
    if query_ids is not None:
        return {"query_ids": query_ids}
    return {"most_queries": run.config.llm.queries}


def _writer(run: Run, mined: pa.Table | None = None) -> Writer:
    return Writer(
        run.dataset,
        run.config.dataset.train,
        run.config.synthesis,
        profile_of(run),
        seed=run.config.seed,
        mined=mined,
    )


def _mined(run: Run) -> pa.Table | None:
    """Return the mined documents that may be rewritten, where the prompt rewrites any."""
    parts = [one for one in ("dense", "fusion", "bm25") if one in run.pool.parts()]
    if run.config.synthesis.prompt != "causal" or not parts:
        return None
    mined = run.pool.negatives(parts[0])
    # What is judged a false negative when it is mined would be a poor start for a negative.
    return mined.filter(stands(mined, select_mined(run, mined).verdicts))


def profile_of(run: Run) -> Profile:
    """Return the profile that says what relevance means in the run's data set."""
    named = run.config.synthesis.profile
    return load_profile(named) if named else profile_for(run.dataset.name)
