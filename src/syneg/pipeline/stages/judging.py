"""Second looks at what the other filters let stand: the judge, and a cross-encoder."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from syneg.filters.judge import Judge
from syneg.negatives.verdict import Decision
from syneg.pipeline.run import Run
from syneg.pipeline.stages.asking import JUDGING, ask, journal_of, language_model_of, model_name
from syneg.pipeline.stages.writing import profile_of


def judge_false_negatives(
    run: Run, negatives: pa.Table, verdicts: pa.Table
) -> tuple[pa.Table, dict[str, Any]]:
    """Ask of what the other filters let stand whether it answers its query after all.

    The answers are in the run's journal: what was judged is not asked about again, also when
    a threshold changes.

    Args:
        run: A run with `judge.enabled`.
        negatives: The pool.
        verdicts: What the other filters and people said.

    Returns:
        Rows with `VERDICT_SCHEMA`, and a summary for the manifest: how the judge was measured,
        what it may do, and what asking took.
    """
    judge = _judge(run)
    with journal_of(run) as journal, language_model_of(run) as model:
        asked = ask(
            run, model, journal, judge.exchanges(negatives, verdicts), total=None, task=JUDGING
        )
        found, report = judge.verdicts(negatives, verdicts, journal, model.name)
    return found, {**report.as_dict(), "asking": asked.as_dict()}


def second_opinion(
    run: Run, negatives: pa.Table, verdicts: pa.Table
) -> tuple[pa.Table, dict[str, Any]]:
    """Have a cross-encoder score what the other filters let stand.

    Its threshold is measured on known positives and on documents of middle rank, as the judge is.

    Args:
        run: A run with `second_opinion.model`.
        negatives: The pool.
        verdicts: What the other filters and people said.

    Returns:
        Rows with `VERDICT_SCHEMA`, and a summary for the manifest.
    """
    from syneg.filters.second_opinion import CrossEncoderOpinion

    options = run.config.second_opinion
    opinion = CrossEncoderOpinion(str(options.model), offline=run.config.offline)
    judge = _judge(run)
    plan = judge.plan(negatives, verdicts)
    outcomes = None
    if run.config.judge.enabled:
        with journal_of(run) as journal:
            outcomes = judge.judgements(plan, journal, model_name(run)).outcomes
    found, kinds = opinion.verdicts(
        plan, run.config.judge, decision=Decision(options.decision), outcomes=outcomes
    )
    return found, {"model": options.model, "sentences": [one.sentence() for one in kinds]}


def _judge(run: Run) -> Judge:
    return Judge(
        run.dataset,
        run.config.dataset.train,
        profile_of(run).relevance,
        run.config.judge,
        seed=run.config.seed,
    )
