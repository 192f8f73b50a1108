"""The multi-attribute self-reflection prompt: templates, answer schema and fingerprint."""

from __future__ import annotations

import re
from functools import cached_property
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from syneg.files import value_hash
from syneg.synthesis.attributes import Attributes
from syneg.synthesis.options import SynthesisOptions
from syneg.synthesis.profile import Profile

# Our own delimiters, and the control marks of common chat formats: llama.cpp reads the latter
# as the end of a message wherever they stand.
_DELIMITERS = re.compile(
    r"<(?=\s*/?\s*(?:user_query|positive_document)\b"
    r"|\s*[|\uff5c]|/?s>|(?:start|end)_of_turn>|begin_of_text|eos>|bos>)"
    r"|\[(?=/?INST\])",
    re.IGNORECASE,
)
_HARMLESS = {"<": "\u2039", "[": "\u27e6"}
_LONGEST_WORD = 12
_FEWEST_WORDS = 5


class Messages(NamedTuple):
    """The two messages of one call."""

    system: str
    user: str


class Prompt:
    """The prompt of the SyNeg paper (arXiv 2412.17250), in words of our own.

    The system message holds the task, the definitions, the steps of reflection and the
    format; it is the same for all calls of a data set, so that servers can cache it. The
    user message holds the query, the positive and the attributes drawn for the call. Query
    and positive are hostile text: they stand between delimiters, and a delimiter or a chat
    control mark inside them is made harmless.

    Args:
        profile: What relevance and style mean in the collection, and what the length
            phrases stand for.
        options: Caps on what is shown and asked for.

    Example:
        >>> from syneg.synthesis.attributes import draw_attributes
        >>> from syneg.synthesis.profile import load_profile
        >>> profile = load_profile("generic")
        >>> prompt = Prompt(profile)
        >>> drawn = draw_attributes(profile, seed=0, query_id="q", positive_id="d")
        >>> messages = prompt.render("why is the sky blue", "Air scatters blue light.", drawn)
        >>> messages.user.splitlines()[1]
        'why is the sky blue'
    """

    def __init__(self, profile: Profile, options: SynthesisOptions | None = None) -> None:
        self.profile = profile
        self.options = options or SynthesisOptions()
        self._texts = {part: _template_text(part) for part in ("system", "user")}
        environment = SandboxedEnvironment(
            undefined=StrictUndefined, autoescape=False, trim_blocks=False
        )
        self._user: Template = environment.from_string(self._texts["user"])
        self.system: str = environment.from_string(self._texts["system"]).render(
            relevance=profile.relevance, style=profile.style
        )

    @cached_property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the answer: reasoning, title, text and check, in this order."""
        longest = {
            "reasoning": self.options.reasoning_characters,
            "title": self.options.title_characters,
            "text": self.options.text_characters,
            "check": self.options.check_characters,
        }
        return {
            "type": "object",
            "properties": {
                name: {"type": "string", "maxLength": cap} for name, cap in longest.items()
            },
            "required": list(longest),
            "additionalProperties": False,
        }

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that shapes the wording: templates, schema, profile and caps."""
        return value_hash(
            [
                self._texts,
                self.schema,
                self.profile.model_dump(),
                self.options.longest_words,
                self.options.positive_words,
            ]
        )

    def render(
        self, query: str, positive: str, attributes: Attributes, *, positive_title: str = ""
    ) -> Messages:
        """Return the messages of one call.

        Args:
            query: Text of the query.
            positive: Text of the positive; cut to `positive_words` words.
            attributes: What was drawn for this call.
            positive_title: Title of the positive; without one, the negative gets none either.
        """
        user = self._user.render(
            user_query=_as_data(query, self.options.positive_words),
            positive_title=_as_data(positive_title, self.options.positive_words),
            positive_text=_as_data(positive, self.options.positive_words),
            domain_name=attributes.domain_name,
            difficulty_level=attributes.difficulty_level,
            length=attributes.length,
            words=self.words_asked(positive, attributes),
        )
        return Messages(self.system, user)

    def words_asked(self, positive: str, attributes: Attributes) -> int:
        """Return the number of words that a call asks for, from 5 to `longest_words`."""
        factor = self.profile.length.get(attributes.length, 1.0)
        wanted = round(len(positive.split()) * factor)
        return min(max(wanted, _FEWEST_WORDS), self.options.longest_words)


def _template_text(part: str) -> str:
    source = files("syneg.synthesis") / "prompts" / f"syneg.{part}.jinja2"
    return source.read_text(encoding="utf-8").strip()


def _as_data(text: str, most_words: int) -> str:
    words = text.split()
    shown = " ".join(words[:most_words])
    # A text without spaces must not fill the model's context either.
    most_characters = most_words * _LONGEST_WORD
    cut = len(words) > most_words or len(shown) > most_characters
    shown = shown[:most_characters] + (" …" if cut else "")
    return _DELIMITERS.sub(lambda match: _HARMLESS[match.group()], shown)
