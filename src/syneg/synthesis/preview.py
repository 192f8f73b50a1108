"""What would be asked, rendered without a call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from syneg.llm.protocol import ChatAnswer
from syneg.synthesis.calls import Ask, Call
from syneg.synthesis.flows import Flow
from syneg.synthesis.forms import Schema
from syneg.synthesis.templates import Messages


class PreviewedCall(NamedTuple):
    """One request as it would be sent.

    Attributes:
        step: What it is for: "analyse", "write", "verify" or "revise".
        messages: System and user message.
        schema: Form of the answer.
        note: What in it is not known before the model has answered; empty where all is.
    """

    step: str
    messages: Messages
    schema: Mapping[str, Any]
    note: str


def preview_call(flow: Flow, call: Call) -> list[PreviewedCall]:
    """Return the requests of a call, one of each kind, in order.

    What a request takes from an earlier answer is a phrase in square brackets there.

    Args:
        flow: How the prompt comes to its texts.
        call: What it is about.
    """
    steps = flow.steps(call)
    found: list[PreviewedCall] = []
    ask: Ask | None = next(steps)
    while ask is not None and ask.step not in {one.step for one in found}:
        before = found[-1].step if found else ""
        note = (
            f"what stands in square brackets comes from the answers before (the last is that of "
            f"'{before}')"
            if found
            else ""
        )
        request = ask.request
        schema = request.schema or {}
        found.append(PreviewedCall(ask.step, Messages(request.system, request.user), schema, note))
        try:
            ask = steps.send(_stand_in(ask))
        except StopIteration:
            ask = None
    return found


def _stand_in(ask: Ask) -> ChatAnswer:
    return ChatAnswer(
        text=json.dumps(_filled(dict(ask.request.schema or {}), ask.step)),
        finish="stop",
        prompt_tokens=None,
        completion_tokens=None,
        seconds=0.0,
    )


def _filled(schema: Schema, name: str, number: str = "") -> Any:
    if schema["type"] == "object":
        return {key: _filled(inner, key, number) for key, inner in schema["properties"].items()}
    if schema["type"] == "array":
        # Told apart by their numbers, since the same requirement twice counts as one.
        places = range(1, schema["minItems"] + 1)
        return [_filled(schema["items"], name, f"{number} {place}") for place in places]
    if "enum" in schema:
        return "revise"
    return f"[{name.replace('_', ' ')}{number}]"
