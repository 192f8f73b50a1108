"""`syneg mine` without a run folder: from a data set to training data for another tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from syneg.cli.console import ConsoleProgress, out
from syneg.cli.mined import explanation_tables, print_wide, summary_lines, summary_tables
from syneg.datasets.load import load_dataset
from syneg.encoders.contract import Encoder, Precision
from syneg.encoders.devices import load_encoders, mining_precision
from syneg.encoders.loading import Pooling
from syneg.encoders.nearest import SearchMethod, SearchOptions
from syneg.errors import InputError
from syneg.files import write_table
from syneg.mining.alone import Mined, MiningPlan, mine_negatives
from syneg.mining.examples import chosen_examples, whole_corpus
from syneg.mining.explain import explain, find_query
from syneg.mining.references import Reference
from syneg.mining.rules import parse_rules
from syneg.mining.siblings import source_documents
from syneg.mining.source import split_positives
from syneg.mining.source_names import parse_sources
from syneg.negatives.export import ExportFormat, check_export, export_examples

_PRECISIONS = ("auto", *(one.value for one in Precision))
CACHE = "syneg-cache"
"""Name of the folder in which vectors and candidates are kept beside the output."""


@dataclass(frozen=True)
class Alone:
    """One call of `syneg mine --to` or `syneg mine --dataset … --explain`.

    Attributes:
        dataset: What `load_dataset` reads.
        output: The file to write; None only to explain.
        to: Name of the format; None only to explain.
        explain: The query to explain.
        cache: Where vectors and candidates are kept; None: beside the output.
        skip_unknown: Go on without judgements of unknown ids.
        plan: What is mined and chosen.
        model: What `load_encoder` loads.
        precision: "auto", "float32" or "bfloat16".
        max_length: Most tokens read of a text; None leaves the model's own limit.
        trust_remote_code: Whether code that comes with the model may run.
        offline: Forbid every request that leaves this machine.
        pooling: "cls", "mean" or "last", for a plain Transformers model; None: see
            `load_encoder`.
        dimensions: Of the vectors, the first so many are kept; None keeps all.
        query_prompt: Put before every query; None leaves the model's own.
        document_prompt: Put before every document; None leaves the model's own.
        device: For example "cuda:0"; None takes every GPU there is.
        siblings: Whether other chunks of a positive's document may be negatives.
    """

    dataset: str | None
    output: Path | None
    to: str | None
    explain: str | None
    cache: Path | None
    skip_unknown: bool
    plan: MiningPlan
    model: str
    precision: str
    max_length: int | None
    trust_remote_code: bool
    offline: bool
    pooling: str | None = None
    dimensions: int | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None
    device: str | None = None
    siblings: bool = False

    @staticmethod
    def planned(
        *,
        source: Sequence[str] | None,
        select: Sequence[str] | None,
        reference: str | None,
        depth: int | None,
        language: str | None,
        negatives: int | None,
        split: str | None,
        seed: int | None,
        search: str | None = None,
    ) -> MiningPlan:
        """Return the plan that the options mean.

        Raises:
            InputError: A source, rule, reference or way of searching is not known, or the
                rule that chooses and `negatives` name different numbers.
        """
        _check_name("reference", reference, [one.value for one in Reference])
        _check_name("way of searching", search, [one.value for one in SearchMethod], "--search")
        rules = parse_rules(select or ["perc-pos:0.95"], field="--select")
        count = rules[-1].count
        if negatives is not None and count is not None and negatives != count:
            raise InputError(
                f"the rule '{rules[-1].text}' chooses {count} negatives for each query",
                field="--negatives",
                value=negatives,
                remedy="say it once: here, or in the rule",
            )
        return MiningPlan(
            parse_sources(source or ["dense"], field="--source"),
            rules,
            negatives=negatives or count or 4,
            split=split or "train",
            reference=Reference(reference or Reference.NEAREST),
            depth=depth or 100,
            language=language or "english",
            seed=seed or 0,
            # Its own draws follow no seed that is given: another seed need not search again.
            search=SearchOptions(SearchMethod(search or SearchMethod.AUTO)),
        )

    def mine(self) -> None:
        """Mine, show what came of it, and write it.

        Raises:
            InputError: Something given is wrong; nothing is written then.
        """
        to = self._check()
        data = load_dataset(str(self.dataset), skip_unknown=self.skip_unknown, offline=self.offline)
        if self.explain is not None:
            # A query that is not there is told before anything slow begins.
            known = split_positives(data, self.plan.split).query_ids
            find_query(self.explain, list(known), data.name)
        beside = Path() if self.output is None else self.output.parent
        mined = mine_negatives(
            data,
            self.plan,
            cache=self.cache or beside / CACHE,
            load_encoder=self._load_encoder,
            progress=ConsoleProgress(),
            sources=None if self.siblings else source_documents(str(self.dataset), data),
        )
        if self.explain is not None:
            for table in explanation_tables(explain(mined, self.explain)):
                print_wide(table)
        if to is not None and self.output is not None:
            # Shown first: where nothing is left to write, it tells why.
            for table in summary_tables(mined):
                out.print(table)
            _say(summary_lines(mined))
            _say(_export(mined, to, self.output, self.plan.negatives))

    def _check(self) -> ExportFormat | None:
        """Refuse what is wrong before anything slow begins."""
        if self.dataset is None:
            raise InputError(
                "no data set is named", field="--dataset", remedy="give a BEIR folder or 'pydocs'"
            )
        _check_name("precision", self.precision, _PRECISIONS)
        _check_name("pooling", self.pooling, [one.value for one in Pooling])
        if self.to is None:
            return None
        if self.output is None:
            raise InputError("no file is named", field="--output", remedy="name the file to write")
        return check_export(self.to, self.output)

    def _load_encoder(self) -> Encoder:
        precision = self.precision
        if precision == "auto":
            import torch

            best = "cuda" if torch.cuda.is_available() else "cpu"
            precision = mining_precision(self.device or best)
        return load_encoders(
            self.model,
            devices=None if self.device is None else [self.device],
            precision=Precision(precision),
            max_length=self.max_length,
            trust_remote_code=self.trust_remote_code,
            offline=self.offline,
            pooling=None if self.pooling is None else Pooling(self.pooling),
            dimensions=self.dimensions,
            query_prompt=self.query_prompt,
            document_prompt=self.document_prompt,
        )


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        out.print(line, highlight=False, markup=False)


def _check_name(
    what: str, name: str | None, known: Sequence[str], option: str | None = None
) -> None:
    if name is not None and name not in known:
        raise InputError(
            f"there is no such {what}",
            field=option or f"--{what}",
            value=name,
            remedy=f"one of: {', '.join(known)}",
        )


def _export(mined: Mined, to: ExportFormat, output: Path, negatives: int) -> list[str]:
    """Write the training data and what became of each query's candidates; say what was written."""
    counts = output.with_name(f"{output.name}.selection.parquet")
    write_table(counts, mined.selection.table())
    done = export_examples(
        chosen_examples(mined),
        to,
        output,
        negatives=negatives,
        corpus=whole_corpus(mined.dataset),
    )
    left_out = [f"{count:,} queries {why} are left out." for why, count in done.left_out.items()]
    return [
        *left_out,
        f"{done.rows:,} rows: {', '.join(map(str, done.files))}",
        f"What became of each query's candidates: {counts}",
    ]
