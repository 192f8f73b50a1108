"""The judge's prompt: templates, answer schema and fingerprint."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from syneg.errors import InputError
from syneg.files import value_hash
from syneg.filters.judge_options import JudgeOptions
from syneg.llm.quoting import as_data

GRADES = ("answers", "partly", "no")
"""What the judge may say of a document, best first."""

_TAGS = ("search_query", "checked_document")


class JudgedText(NamedTuple):
    """A document as the judge sees it."""

    title: str
    text: str


class JudgePrompt:
    """Asks whether the evidence that a query asks for stands in a text.

    The judge is answer-based: it quotes the evidence before it grades, so that its grade can
    be checked against the text (RLHN, arXiv 2505.16967, and ARHN, arXiv 2604.11092, relabel
    by what a language model says of query and passage). It sees neither the positive nor
    where the text comes from.

    Args:
        relevance: When a document is relevant to a query, in one or two sentences.
        options: Caps, and whether a request may hold several documents.

    Raises:
        InputError: `relevance` is empty.

    Example:
        >>> prompt = JudgePrompt("the document answers the question.")
        >>> shown = prompt.render("why is the sky blue", [JudgedText("", "Air scatters blue.")])
        >>> shown.splitlines()[4]
        'Air scatters blue.'
    """

    def __init__(self, relevance: str, options: JudgeOptions | None = None) -> None:
        if not relevance.strip():
            raise InputError(
                "is empty",
                field="relevance",
                value=relevance,
                remedy="say in one sentence when a document is relevant to a query",
            )
        self.options = options or JudgeOptions()
        self.relevance = " ".join(relevance.split())
        self.several = self.options.documents_per_call > 1
        self._texts = {part: _template_text(part) for part in ("system", "user")}
        environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        self._user: Template = environment.from_string(self._texts["user"])
        self.system: str = environment.from_string(self._texts["system"]).render(
            relevance=self.relevance, several=self.several
        )

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that shapes the wording: templates, schema, relevance and caps."""
        caps = (self.options.document_words, self.options.query_words)
        return value_hash([self._texts, self.schema(1), self.relevance, self.several, caps])

    def schema(self, documents: int) -> dict[str, Any]:
        """Return the JSON schema of the answer about so many documents."""
        fields: dict[str, Any] = {
            "evidence": {"type": "string", "maxLength": self.options.evidence_characters},
            "grade": {"type": "string", "enum": list(GRADES)},
        }
        if not self.several:
            return _object(fields)
        entry = _object({"document": {"type": "integer"}, **fields})
        entries = {"type": "array", "items": entry, "minItems": documents, "maxItems": documents}
        return _object({"judgements": entries})

    def render(self, query: str, documents: Sequence[JudgedText]) -> str:
        """Return the user message about some documents of one query."""
        most = self.options.document_words
        return self._user.render(
            query=as_data(query, self.options.query_words, _TAGS),
            documents=[
                {"title": as_data(one.title, most, _TAGS), "text": as_data(one.text, most, _TAGS)}
                for one in documents
            ],
            several=self.several,
        )


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _template_text(part: str) -> str:
    source = files("syneg.filters") / "prompts" / f"judge.{part}.jinja2"
    return source.read_text(encoding="utf-8").strip()
