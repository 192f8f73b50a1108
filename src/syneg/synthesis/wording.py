"""The words of one run's prompts: what all calls share, and the forms of their answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from syneg.files import value_hash
from syneg.synthesis.anchors import Anchors, Sample
from syneg.synthesis.calls import Call
from syneg.synthesis.forms import Schema, described, list_form, object_form, text_form
from syneg.synthesis.material import as_data
from syneg.synthesis.options import SynthesisOptions
from syneg.synthesis.profile import Profile
from syneg.synthesis.templates import Messages, render, template_sources

TEXTS = "negatives"
VERDICTS = "verdicts"
REVISED = "drafts"

FEWEST_REQUIREMENTS, MOST_REQUIREMENTS = 4, 8
_WAYS = 2
_ANALYSIS_CHARACTERS = 240
_REQUIREMENT_CHARACTERS = 120
# Of a profile's own texts all is shown, but no more than a prompt can bear.
_PROFILE_WORDS = 200
# Settings that say how often and how warmly is asked, not what.
_NOT_WORDING = {"profile", "temperature", "max_tokens", "per_query", "tries", "seed", "reflection"}


class Wording:
    """Renders the prompts of a run.

    The system message of a prompt holds the task, what relevance and style mean in the
    collection, and the form of the answer. It is the same for all calls but those few whose
    query has a sample passage among its positives, so that servers can cache it. The
    user message holds what is of the call. Texts of others stand between tags there.

    Args:
        profile: What relevance and style mean in the collection.
        options: Which prompt, and caps on what is shown and asked for.
        anchors: The shape of the collection.
    """

    def __init__(self, profile: Profile, options: SynthesisOptions, anchors: Anchors) -> None:
        self.profile = profile
        self.options = options
        self.anchors = anchors
        self._systems: dict[tuple[object, ...], str] = {}

    def messages(self, part: str, call: Call, **shown: Any) -> Messages:
        """Return the messages of a prompt for a call.

        Args:
            part: Name of the prompt's files: "syneg", "verify", …
            call: What it is about.
            shown: What the user message needs beside query, positive and what is asked.
        """
        user = render(
            f"{part}.user",
            user_query=self.data(call.query),
            positive_title=self.data(call.positive.title),
            positive_text=self.data(call.positive.text),
            titled=bool(call.positive.title),
            asked=call.asked,
            **self._settings,
            **shown,
        )
        return Messages(self.system(part, call.samples, call.candidate is not None), user)

    def system(self, part: str, samples: Sequence[Sample], has_candidate: bool = False) -> str:
        """Return the system message of a prompt."""
        key = part, has_candidate, *(one.document_id for one in samples)
        if key not in self._systems:
            self._systems[key] = render(
                f"{part}.system",
                relevance=as_data(self.profile.relevance, _PROFILE_WORDS),
                answer=as_data(self.profile.answer, _PROFILE_WORDS),
                style=as_data(self.profile.style, _PROFILE_WORDS),
                open_ended=self.anchors.open_ended,
                samples=samples,
                has_candidate=has_candidate,
                form=self._form(part),
                **self._settings,
            )
        return self._systems[key]

    def data(self, text: str) -> str:
        """Return a text of others as it may stand in a message."""
        return as_data(text, self.options.positive_words)

    def fingerprint(self, *parts: str) -> str:
        """Return the hash of all that shapes these prompts: files, forms, profile, caps."""
        forms = [
            self.text_schema,
            self.verdict_schema(1),
            self.revision_schema(1),
            self.analysis_schema,
        ]
        settings = self.options.model_dump(exclude=_NOT_WORDING)
        return value_hash(
            [
                template_sources(*parts),
                forms,
                self.profile.model_dump(),
                settings,
                [self.options.reflects, self.options.checks_inline],
                self.anchors.fingerprint,
            ]
        )

    @cached_property
    def longest(self) -> int:
        """Longest text asked for, in the collection's unit."""
        if self.anchors.unit == "words":
            return self.options.longest_words
        return self.options.longest_unspaced

    @cached_property
    def text_schema(self) -> Schema:
        """Form of an answer that holds texts."""
        options = self.options
        caps = {"title": options.title_characters, "text": options.text_characters}
        if options.reflects:
            caps = {"reasoning": options.reasoning_characters, **caps}
        if options.checks_inline:
            caps = {**caps, "check": options.check_characters}
        item = text_form(caps)
        if options.prompt == "graded":
            return object_form(dict.fromkeys(options.levels, item))
        return self._one_or_many(TEXTS, item, options.texts_per_call)

    @cached_property
    def analysis_schema(self) -> Schema:
        """Form of an analysis."""
        way = {"type": "string", "maxLength": _REQUIREMENT_CHARACTERS}
        requirement = {"requirement": way, "ways_to_break": list_form(way, 1, _WAYS)}
        names = ("core_need", "positive_answer", "answer_boundary")
        needs = text_form(dict.fromkeys(names, _ANALYSIS_CHARACTERS))["properties"]
        requirements = list_form(object_form(requirement), FEWEST_REQUIREMENTS, MOST_REQUIREMENTS)
        return object_form({**needs, "requirements": requirements})

    def verdict_schema(self, count: int) -> Schema:
        """Form of a judgement of so many drafts."""
        cap = self.options.check_characters
        item = text_form({"needed": cap, "found": cap, "verdict": cap, "reason": cap})
        item["properties"]["verdict"] = {"type": "string", "enum": ["pass", "revise"]}
        return self._one_or_many(VERDICTS, item, count)

    def revision_schema(self, count: int) -> Schema:
        """Form of a revision of so many drafts."""
        caps = {"title": self.options.title_characters, "text": self.options.text_characters}
        return self._one_or_many(REVISED, text_form(caps), count)

    def _one_or_many(self, key: str, item: Schema, count: int) -> Schema:
        # Whether it is a list depends on the prompt alone, since the system message says it.
        if self.options.texts_per_call == 1:
            return item
        return object_form({key: list_form(item, count, count)})

    def _form(self, part: str) -> str:
        if part == "analysis":
            return described(self.analysis_schema)
        if part in ("verify", "revise"):
            schema = self.verdict_schema(1) if part == "verify" else self.revision_schema(1)
            if self.options.texts_per_call == 1:
                return described(schema)
            return described(schema) + "\nwith one entry for each draft."
        count = self.options.negatives_per_call
        many = f'\nwith {count} entries in "{TEXTS}".' if count > 1 else ""
        return described(self.text_schema) + many

    @cached_property
    def _settings(self) -> dict[str, Any]:
        options = self.options
        return {
            "count": options.texts_per_call,
            "draws_attributes": options.draws_attributes,
            "reflects": options.reflects,
            "checks_inline": options.checks_inline,
            "graded": options.prompt == "graded",
            "keeps_answer": options.prompt == "rewrite",
            "levels": options.levels,
            "longest": self.longest,
            "unit": self.anchors.unit,
            "fewest_requirements": FEWEST_REQUIREMENTS,
            "most_requirements": MOST_REQUIREMENTS,
        }
