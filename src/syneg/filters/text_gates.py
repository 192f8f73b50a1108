"""The gates that judge one text at a time, with what they need to know of its surroundings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from syneg.datasets.dataset import RetrievalDataset
from syneg.filters.context import Context
from syneg.filters.gates import (
    Finding,
    check_copy,
    check_corpus_copy,
    check_format,
    check_length,
    check_repetition,
    check_self_check,
)
from syneg.filters.language import (
    CollectionLanguage,
    check_language,
    collection_language,
    detector_name,
    language_detector,
    warn_of_missing_detector,
)
from syneg.filters.options import GateName, GateOptions
from syneg.filters.telltale import check_telltale, ordinary_phrases, telltale_fingerprint
from syneg.filters.verdict_rows import texts_hash
from syneg.filters.words import different_runs, words

TEXT_GATES: tuple[GateName, ...] = (
    "format",
    "length",
    "language",
    "copy",
    "corpus-copy",
    "repetition",
    "telltale",
    "self-check",
)
"""Gates whose verdict on a text does not depend on other synthetic texts."""


@dataclass
class Subject:
    """One synthetic negative and what it is judged against.

    Attributes:
        negative_id: Its id.
        positive_id: The positive that it was written against.
        title: Its title; may be empty or None.
        text: Its text; None where the model's answer had none.
        problem: Why the answer gave no text.
        check: What the model wrote when it checked the text.
        context: Its query's context.
    """

    negative_id: str
    positive_id: str
    title: str | None
    text: str | None
    problem: str | None
    check: str | None
    context: Context

    @cached_property
    def format(self) -> Finding:
        """What the gate "format" finds."""
        return check_format(self.text, self.problem)

    @cached_property
    def words(self) -> list[str]:
        """Words of the text."""
        return words(self.text or "")

    @cached_property
    def title_words(self) -> list[str]:
        """Words of the title."""
        return words(self.title or "")

    @cached_property
    def runs(self) -> set[int]:
        """Different runs of words of the text, as long as its context's."""
        return different_runs(self.words, self.context.copy_words)

    @cached_property
    def inputs(self) -> str:
        """Hash of everything that gates read of it, but for mined documents."""
        own = [self.positive_id, self.title, self.text, self.problem, self.check]
        return texts_hash([*own, self.context.relevant_hash])


class TextGates:
    """The gates that judge one text at a time, ready for one data set.

    Args:
        dataset: The data set that the negatives were written for.
        options: Thresholds.
        gates: The gates that will be asked for: what others need is not looked for.

    Example:
        >>> data = RetrievalDataset.from_rows("tiny", corpus=[], queries=[], qrels={})
        >>> gates = TextGates(data, GateOptions(), ["length"])
        >>> context = Context("why is the sky blue", {"p": "Air scatters blue light."})
        >>> one = Subject("a", "p", "", "Fog.", None, None, context)
        >>> gates.finding("length", one).reason
        '1 words, fewer than 2'
    """

    def __init__(
        self, dataset: RetrievalDataset, options: GateOptions, gates: Collection[GateName]
    ) -> None:
        self.options = options
        reads_language = "language" in gates or "telltale" in gates
        self._detect = language_detector() if reads_language else None
        if "language" in gates and self._detect is None:
            warn_of_missing_detector()
        self._language = (
            collection_language(dataset, options, self._detect)
            if reads_language
            else CollectionLanguage()
        )
        self._ordinary = (
            ordinary_phrases(dataset, options, self._language.languages)
            if "telltale" in gates
            else frozenset()
        )
        self._settings = {gate: options.fingerprint(gate, *self._also(gate)) for gate in TEXT_GATES}

    def fingerprint(self, gate: GateName, one: Subject) -> str:
        """Return the hash of a gate's settings and, after a hyphen, of what it judges."""
        inputs = one.inputs
        if gate == "corpus-copy":
            inputs = texts_hash([inputs, one.context.candidates_hash])
        return f"{self._settings[gate]}-{inputs}"

    def finding(self, gate: GateName, one: Subject) -> Finding:
        """Return what a gate finds."""
        text, context, options = one.text or "", one.context, self.options
        match gate:
            case "format":
                return one.format
            case "length":
                count = len(one.title_words) + len(one.words)
                positive = context.relevant_words[one.positive_id]
                return check_length(count, len(positive), options)
            case "language":
                positive_text = context.relevant[one.positive_id]
                return check_language(
                    text, one.words, positive_text, self._language, options, self._detect
                )
            case "copy":
                return check_copy(
                    one.words, context.query_words, context.relevant_runs, options, one.runs
                )
            case "corpus-copy":
                return check_corpus_copy(one.words, context.candidate_runs, options, one.runs)
            case "repetition":
                return check_repetition(text, options, one.words)
            case "telltale":
                return check_telltale(
                    f"{one.title or ''}\n{text}",
                    [context.query, *context.relevant.values()],
                    options,
                    self._ordinary,
                    found=[*one.title_words, *one.words],
                    languages=self._language.languages,
                )
            case "self-check":
                return check_self_check(one.check)
        raise ValueError(f"'{gate}' does not judge one text at a time")

    def _also(self, gate: GateName) -> list[object]:
        if gate == "language":
            language = self._language
            facts = (language.scripts, language.languages, language.familiar)
            return [*map(sorted, facts), language.least_familiar, detector_name(self._detect)]
        if gate == "telltale":
            return [
                telltale_fingerprint(),
                sorted(self._ordinary),
                sorted(self._language.languages),
            ]
        return []
