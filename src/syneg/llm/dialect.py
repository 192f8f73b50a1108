"""Which parts of the chat API a server understands, learned from what it refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
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
    r"|invalid schema|schema contains",
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

    Where a server takes no schema, the messages must say the form: a description is added to
    the system message (which all requests share) unless the messages name every field already.

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
        system = self._system(request)
        user = {"role": "user", "content": request.user}
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "system", "content": system}, user] if system else [user],
            self.limit_field: request.max_tokens,
        }
        if self.sends_temperature:
            body["temperature"] = request.temperature
        if self.sends_seed:
            body["seed"] = request.seed
        if request.schema is not None and self.schema_form is not SchemaForm.UNSAID:
            body["response_format"] = self._response_format(request.schema)
        return body

    def _system(self, request: ChatRequest) -> str:
        is_said = self.schema_form not in (SchemaForm.ANY_OBJECT, SchemaForm.UNSAID)
        if request.schema is None or is_said or says_the_form(request, request.schema):
            return request.system
        description = json.dumps(request.schema, ensure_ascii=False)
        form = f"Answer with nothing but JSON that satisfies this JSON schema: {description}"
        return f"{request.system}\n\n{form}" if request.system else form

    def _response_format(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if self.schema_form is SchemaForm.ANY_OBJECT:
            return {"type": "json_object"}
        sent = schema if self.schema_form is SchemaForm.SCHEMA else without_limits(schema)
        return {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": sent, "strict": True},
        }

    def after_refusal(
        self, refusal: str, request: ChatRequest, *, doubtful: bool = False
    ) -> Dialect | None:
        """Return a simpler dialect that avoids what a server refused.

        Args:
            refusal: What the server said, as with HTTP 400 or 422.
            request: What it refused.
            doubtful: Whether it may mean something else (HTTP 404 or 500): then it must say
                plainly that it does not take a part of the request.

        Returns:
            A dialect with one demand less, or None when the refusal is about something else.

        Example:
            >>> request = ChatRequest(system="s", user="u", schema={"type": "object"})
            >>> Dialect().after_refusal("response_format is unavailable", request).schema_form
            <SchemaForm.ANY_OBJECT: 'json_object'>
            >>> Dialect().after_refusal("the prompt is too long", request) is None
            True
        """
        if doubtful and not _NOT_TAKEN.search(refusal):
            return None
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
        if schema.get("type") == "array" and SchemaForm.ANY_OBJECT in later:
            later.remove(SchemaForm.ANY_OBJECT)  # JSON mode knows objects only.
        if SchemaForm.SCHEMA_WITHOUT_LIMITS in later and without_limits(schema) == schema:
            later.remove(SchemaForm.SCHEMA_WITHOUT_LIMITS)
        return later[0] if later else None


def says_the_form(request: ChatRequest, schema: Mapping[str, Any]) -> bool:
    """Tell whether a request's messages speak of JSON and name every field of a schema.

    Example:
        >>> asked = ChatRequest(system='Answer with JSON: {"title": "..."}', user="u")
        >>> says_the_form(asked, {"properties": {"title": {}}})
        True
        >>> says_the_form(asked, {"properties": {"title": {}, "text": {}}})
        False
    """
    messages = f"{request.system}\n{request.user}"
    return "json" in messages.lower() and all(
        f'"{name}"' in request.system or f'"{name}"' in request.user for name in _fields(schema)
    )


def _fields(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for name, part in schema.items():
            if name in _NAMING_A_PROPERTY and isinstance(part, Mapping):
                if name == "properties":
                    yield from part
                for inner in part.values():
                    yield from _fields(inner)
            else:
                yield from _fields(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _fields(part)


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
