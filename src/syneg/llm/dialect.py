"""Which parts of the chat API a server understands, learned from what it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from syneg.llm.protocol import ChatRequest


class SchemaForm(StrEnum):
    """How a request says which JSON it wants, from the strictest to nothing at all."""

    SCHEMA = "json_schema"
    SCHEMA_WITHOUT_LIMITS = "json_schema without limits"
    ANY_OBJECT = "json_object"
    UNSAID = "nothing"


# How servers name response_format in an error: OpenAI, Groq, DeepSeek, Mistral, vLLM, llama.cpp.
_ABOUT_FORMAT = re.compile(
    r"response[ _-]?format|json[ _-]?(schema|object|mode)|structured[ _-]output|guided|grammar"
    r"|invalid schema",
    re.IGNORECASE,
)
_NOT_TAKEN = re.compile(
    r"unsupported|not support|does not support|unknown|unrecogni[sz]ed|unexpected|extra"
    r"|not permitted|not allowed|forbidden",
    re.IGNORECASE,
)
# Keywords that bound a value without changing its shape; several servers refuse them.
_LIMITS = frozenset(
    {"minLength", "maxLength", "pattern", "format", "minimum", "maximum", "minItems", "maxItems"}
)
_NAMING_A_PROPERTY = frozenset({"properties", "$defs", "definitions"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """The form in which a server takes chat requests.

    Attributes:
        schema_form: How the JSON schema is sent.
        limit_field: The field of the token limit: newer OpenAI models renamed it.
        sends_temperature: Whether the temperature is sent; some reasoning models refuse it.
        sends_seed: Whether the seed is sent; some servers refuse it.

    Example:
        >>> Dialect().body("m", ChatRequest(system="s", user="u"))["max_tokens"]
        512
    """

    schema_form: SchemaForm = SchemaForm.SCHEMA
    limit_field: str = "max_tokens"
    sends_temperature: bool = True
    sends_seed: bool = True

    def body(self, model: str, request: ChatRequest) -> dict[str, Any]:
        """Return the JSON body that asks `model` for an answer."""
        messages = [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.user},
        ]
        body: dict[str, Any] = {
            "model": model,
            "messages": messages if request.system else messages[1:],
            self.limit_field: request.max_tokens,
        }
        if self.sends_temperature:
            body["temperature"] = request.temperature
        if self.sends_seed:
            body["seed"] = request.seed
        if request.schema is not None and self.schema_form is not SchemaForm.UNSAID:
            body["response_format"] = self._response_format(request.schema)
        return body

    def _response_format(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if self.schema_form is SchemaForm.ANY_OBJECT:
            return {"type": "json_object"}
        sent = schema if self.schema_form is SchemaForm.SCHEMA else without_limits(schema)
        return {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": sent, "strict": True},
        }

    def after_refusal(self, refusal: str, request: ChatRequest) -> Dialect | None:
        """Return a simpler dialect that avoids what a server refused.

        Args:
            refusal: What the server said (HTTP 400 or 422).
            request: What it refused.

        Returns:
            A dialect with one demand less, or None when the refusal is about something else.

        Example:
            >>> request = ChatRequest(system="s", user="u", schema={"type": "object"})
            >>> Dialect().after_refusal("response_format is unavailable", request).schema_form
            <SchemaForm.ANY_OBJECT: 'json_object'>
            >>> Dialect().after_refusal("the prompt is too long", request) is None
            True
        """
        if self.limit_field == "max_tokens" and "max_completion_tokens" in refusal:
            return replace(self, limit_field="max_completion_tokens")
        if request.schema is not None and _ABOUT_FORMAT.search(refusal):
            form = self._simpler_form(request.schema)
            return None if form is None else replace(self, schema_form=form)
        if not _NOT_TAKEN.search(refusal):
            return None
        if self.sends_temperature and re.search(r"\btemperature\b", refusal):
            return replace(self, sends_temperature=False)
        if self.sends_seed and re.search(r"\bseed\b", refusal):
            return replace(self, sends_seed=False)
        return None

    def _simpler_form(self, schema: Mapping[str, Any]) -> SchemaForm | None:
        forms = list(SchemaForm)
        later = forms[forms.index(self.schema_form) + 1 :]
        if SchemaForm.SCHEMA_WITHOUT_LIMITS in later and without_limits(schema) == schema:
            later.remove(SchemaForm.SCHEMA_WITHOUT_LIMITS)
        return later[0] if later else None


def without_limits(schema: Any) -> Any:
    """Return a JSON schema without the keywords that only bound lengths and values.

    Example:
        >>> without_limits({"type": "string", "maxLength": 80})
        {'type': 'string'}
        >>> without_limits({"properties": {"format": {"type": "string"}}})
        {'properties': {'format': {'type': 'string'}}}
    """
    if isinstance(schema, Mapping):
        return {
            name: {key: without_limits(value) for key, value in part.items()}
            if name in _NAMING_A_PROPERTY and isinstance(part, Mapping)
            else without_limits(part)
            for name, part in schema.items()
            if name not in _LIMITS
        }
    if isinstance(schema, list):
        return [without_limits(part) for part in schema]
    return schema
