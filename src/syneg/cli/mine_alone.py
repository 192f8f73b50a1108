"""`syneg mine` without a run folder: from a data set to training data for another tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from syneg.cli.console import ConsoleProgress, out
from syneg.cli.mined import explanation_tables, print_wide, summary_lines, summary_tables
from syneg.datasets.load import load_dataset
from syneg.encoders.encoder import Encoder, Precision, load_encoder
from syneg.errors import InputError
from syneg.files import write_table
from syneg.mining.alone import Mined, MiningPlan, mine_negatives
from syneg.mining.examples import chosen_examples, whole_corpus
from syneg.mining.explain import explain
from syneg.mining.references import Reference
from syneg.mining.rules import parse_rules
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
    ) -> MiningPlan:
        """Return the plan that the options mean.

        Raises:
            InputError: A source, rule or reference is not known.
        """
        known = [one.value for one in Reference]
        if reference is not None and reference not in known:
            raise InputError(
                "there is no such reference",
                field="--reference",
                value=reference,
                remedy=f"one of: {', '.join(known)}",
            )
        return MiningPlan(
            parse_sources(source or ["dense"], field="--source"),
            parse_rules(select or ["perc-pos:0.95"], field="--select"),
            negatives=negatives or 4,
            split=split or "train",
            reference=Reference(reference or Reference.NEAREST),
            depth=depth or 100,
            language=language or "english",
            seed=seed or 0,
        )

    def mine(self) -> None:
        """Mine, show what came of it, and write it.

        Raises:
            InputError: Something given is wrong; nothing is written then.
        """
        to = self._check()
        data = load_dataset(str(self.dataset), skip_unknown=self.skip_unknown, offline=self.offline)
        beside = Path() if self.output is None else self.output.parent
        mined = mine_negatives(
            data,
            self.plan,
            cache=self.cache or beside / CACHE,
            load_encoder=self._load_encoder,
            progress=ConsoleProgress(),
        )
        if self.explain is not None:
            for table in explanation_tables(explain(mined, self.explain)):
                print_wide(table)
        if to is not None and self.output is not None:
            lines = [*summary_lines(mined), *_export(mined, to, self.output, self.plan.negatives)]
            for table in summary_tables(mined):
                out.print(table)
            for line in lines:
                out.print(line, highlight=False, markup=False)

    def _check(self) -> ExportFormat | None:
        """Refuse what is wrong before anything slow begins."""
        if self.dataset is None:
            raise InputError(
                "no data set is named", field="--dataset", remedy="give a BEIR folder or 'pydocs'"
            )
        if self.precision not in _PRECISIONS:
            raise InputError(
                "there is no such precision",
                field="--precision",
                value=self.precision,
                remedy=f"one of: {', '.join(_PRECISIONS)}",
            )
        if self.to is None:
            return None
        if self.output is None:
            raise InputError("no file is named", field="--output", remedy="name the file to write")
        return check_export(self.to, self.output)

    def _load_encoder(self) -> Encoder:
        precision = self.precision
        if precision == "auto":
            import torch

            from syneg.training.options import TrainingOptions
            from syneg.training.preparation import training_precision

            device = "cuda" if torch.cuda.is_available() else "cpu"
            precision = training_precision(TrainingOptions(), device)
        return load_encoder(
            self.model,
            precision=Precision(precision),
            max_length=self.max_length,
            trust_remote_code=self.trust_remote_code,
            offline=self.offline,
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
