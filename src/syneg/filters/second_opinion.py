"""A cross-encoder's second opinion on what the judge looked at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from syneg.datasets.dataset import join_title
from syneg.encoders.locate import locate_model, model_fingerprint
from syneg.errors import InputError, MissingExtraError
from syneg.files import value_hash
from syneg.filters.judge_exchange import CROSS_ENCODER
from syneg.filters.judge_options import JudgeOptions
from syneg.filters.judge_plan import JudgePlan, Purpose
from syneg.filters.second_opinion_verdicts import (
    KindOpinion,
    Scores,
    opinion_verdicts,
    weigh_opinion,
)
from syneg.negatives.verdict import Decision

__all__ = ["CROSS_ENCODER", "CrossEncoderOpinion", "KindOpinion"]

_VERSION = 1
_HEAD = "ForSequenceClassification"


class CrossEncoderOpinion:
    """Scores query and text together with a sentence-transformers cross-encoder.

    Args:
        location: A folder, or "hub:NAME" for a model on the Hugging Face Hub.
        offline: Whether the network must not be used.
        batch_size: Pairs scored at once, from 1.
        max_length: Most tokens of a pair; None takes the model's own.

    Raises:
        InputError: There is no such model, it cannot be had offline, or it is no
            cross-encoder with one score.
        MissingExtraError: sentence-transformers is not installed.
    """

    def __init__(
        self,
        location: str,
        *,
        offline: bool = False,
        batch_size: int = 32,
        max_length: int | None = None,
    ) -> None:
        if batch_size < 1:
            raise InputError("is not a whole number from 1", field="batch_size", value=batch_size)
        folder = locate_model(location, offline=offline)
        _check_head(folder)
        self.batch_size = batch_size
        self.fingerprint = value_hash([model_fingerprint(folder), max_length])
        self._model = _load(folder, max_length)

    def scores(self, queries: Sequence[str], texts: Sequence[str]) -> Scores:
        """Return one score per pair, higher for more relevant; before any squashing.

        Args:
            queries: The query of each pair.
            texts: The text of each pair, with its title.
        """
        if not queries:
            return np.empty(0)
        import torch

        found = self._model.predict(
            list(zip(queries, texts, strict=True)),
            batch_size=self.batch_size,
            show_progress_bar=False,
            # The sigmoid makes all high scores the same.
            activation_fn=torch.nn.Identity(),
        )
        return np.asarray(found, np.float64).reshape(len(queries))

    def scores_of(self, plan: JudgePlan) -> Scores:
        """Return the score of every text of a plan."""
        found = np.full(len(plan), np.nan)
        units: list[int] = []
        pairs: list[tuple[str, str]] = []

        def score() -> None:
            found[units] = self.scores([one for one, _ in pairs], [one for _, one in pairs])
            units.clear()
            pairs.clear()

        for group in plan.groups():
            units.extend(int(unit) for unit in group.units)
            pairs.extend((group.query, join_title(*document)) for document in group.documents)
            # Full batches of pairs of like length: the model sorts what it is given at once.
            if len(pairs) >= 64 * self.batch_size:
                score()
        score()
        return found

    def verdicts(
        self,
        plan: JudgePlan,
        options: JudgeOptions,
        *,
        decision: Decision = Decision.MARK,
        outcomes: npt.NDArray[np.int8] | None = None,
    ) -> tuple[pa.Table, list[KindOpinion]]:
        """Return a verdict on every negative of a plan, and what they are worth.

        The threshold is found on the same texts on which the judge is measured.

        Args:
            plan: From `Judge.plan`.
            options: `specificity_to_drop` and what number of reviews is enough.
            decision: What follows for a negative above the threshold: MARK or DROP.
            outcomes: What the judge said of each text (`Judgements.outcomes`), if it did.

        Returns:
            Rows with `VERDICT_SCHEMA` and filter "cross-encoder", whose score is the model's,
            and one `KindOpinion` for each kind of negative.

        Raises:
            InputError: The decision is another.
        """
        if decision not in (Decision.MARK, Decision.DROP):
            raise InputError(
                "is nothing that a second opinion may decide",
                field="decision",
                value=decision.value,
                remedy="give 'mark' or 'drop'",
            )
        scores = self.scores_of(plan)
        said = np.zeros(len(plan), np.int8) if outcomes is None else outcomes
        kinds = [
            weigh_opinion(plan, scores, said, options, synthetic=synthetic)
            for synthetic in (False, True)
            if len(plan.units_for(Purpose.CANDIDATE, synthetic=synthetic))
        ]
        fingerprint = value_hash(
            [CROSS_ENCODER, _VERSION, self.fingerprint, options.specificity_to_drop, decision]
        )
        return opinion_verdicts(plan, scores, kinds, decision, fingerprint), kinds


def _check_head(folder: Path) -> None:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "cannot be read as JSON",
            file=path,
            remedy="give the folder that CrossEncoder.save_pretrained wrote",
        ) from error
    heads = config.get("architectures") if isinstance(config, dict) else None
    if not any(str(one).endswith(_HEAD) for one in heads or ()):
        raise InputError(
            "the model is no cross-encoder",
            file=path,
            field="architectures",
            value=heads,
            remedy=f"give one that ends in {_HEAD}, such as a re-ranker",
        )


def _load(folder: Path, max_length: int | None) -> Any:
    try:
        from safetensors import SafetensorError
        from sentence_transformers import CrossEncoder
    except ImportError as error:
        raise MissingExtraError("sentence_transformers", "train") from error

    try:
        model = CrossEncoder(str(folder), max_length=max_length, local_files_only=True)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        SafetensorError,
    ) as error:
        raise InputError(
            f"the cross-encoder cannot be loaded: {error}",
            file=folder,
            remedy="give the folder that CrossEncoder.save_pretrained wrote",
        ) from error
    labels = int(model.config.num_labels)
    if labels != 1:
        raise InputError(
            "the cross-encoder gives several scores for a pair",
            file=folder / "config.json",
            field="num_labels",
            value=labels,
            remedy="give one that was trained with num_labels=1",
        )
    return model
