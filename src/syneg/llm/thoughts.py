"""Passing over what a reasoning model thought aloud before its answer."""

from __future__ import annotations

import re

_NAMES = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|seed:think"
_START = re.compile(rf"\s*(?:<(?:{_NAMES})>|\[THINK\]|◁think▷|<\|thinking\|>)", re.IGNORECASE)
_END = re.compile(
    rf"</(?:{_NAMES})>|\[/THINK\]|◁/think▷|<\|/thinking\|>|<\|end_of_thinking\|>", re.IGNORECASE
)
# A brace or bracket that can open JSON.
_JSON = re.compile(r"""[{\[]\s*["'{}\[\]]""")
# Models of the gpt-oss family write to channels: thoughts to "analysis", the answer to "final".
# Some servers strip the marks and leave the bare words.
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start)\|>")
_BARE_THOUGHT = "analysis"
_BARE_FINAL = "assistantfinal"


def without_thoughts(text: str) -> str:
    """Return what a chat model wrote after its thoughts.

    Args:
        text: The answer as it came: thoughts in tags such as `<think>`, or in a channel of
            their own, and then the answer.

    Returns:
        The text behind the last thought; the whole text where there is none.

    Raises:
        ValueError: "cut off": the text ends inside the thought.

    Example:
        >>> without_thoughts('<think>A draft: {"a": 1}</think> {"a": 2}')
        ' {"a": 2}'
        >>> without_thoughts("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
        ...                  "<|channel|>final<|message|>Done.<|return|>")
        'Done.'
    """
    channels = list(_CHANNEL.finditer(text))
    if channels and not text[: channels[0].start()].strip().startswith(("{", "[")):
        return _final_channel(text, channels)
    if text.startswith(_BARE_THOUGHT) and _BARE_FINAL in text:
        return text.rpartition(_BARE_FINAL)[2]
    begins_with_thought = _START.match(text) is not None
    end = 0
    for found in _END.finditer(text):
        end = found.end()
    if not end:
        if begins_with_thought:
            raise ValueError("cut off")
        return text
    # Without its beginning a thought is told from a text that only speaks of the tag by the
    # answer that follows.
    return text[end:] if begins_with_thought or _JSON.search(text, end) else text


def _final_channel(text: str, channels: list[re.Match[str]]) -> str:
    last = channels[-1]
    if last[1] != "final":
        raise ValueError("cut off")
    end = _CHANNEL_END.search(text, last.end())
    return text[last.end() : end.start() if end else len(text)]
