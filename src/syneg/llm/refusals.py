"""Telling a model's plain words of refusal from an answer."""

from __future__ import annotations

import re

from syneg.llm.thoughts import without_thoughts

# Only the beginning is looked at: a refusal says so at once.
_BEGINNING = 300
_SORRY = (
    r"(?:(?:i['’]?m|i am|we['’]re|we are) (?:really |very |truly |so )?(?:sorry|afraid)|sorry"
    r"|my apologies|i (?:must |have to )?apologi[sz]e|unfortunately)"
)
_UNABLE = (
    r"(?:(?:i|we) (?:can['’]?t|can ?not|could not|couldn['’]t|won['’]t|will not|must decline"
    r"|(?:have|need) to decline|decline|(?:am|are) (?:not able|unable|not allowed|not permitted)"
    r"|do not feel comfortable|don['’]t feel comfortable)|(?:i['’]m|we['’]re) (?:unable|not able"
    r"|not allowed|not permitted|not comfortable)|i refuse)"
)
_WORK = (
    r"(?:assist|help|compl(?:y|ete)|fulfil|provide|generate|create|write|produce|do (?:that|this)"
    r"|continue|answer|engage|participate|support|discuss|share|respond|proceed|with (?:this|that))"
)
_REFUSAL = re.compile(
    rf"(?:{_SORRY}\b[^.!?\n]{{0,40}}?{_UNABLE}\b"
    rf"|{_UNABLE}\b[^.!?\n]{{0,60}}?\b{_WORK}"
    rf"|as an ai\b[^.!?\n]{{0,60}}?{_UNABLE}\b)",
    re.IGNORECASE,
)
_DECORATION = "*_#>\"'“” \n\r\t"


def is_refusal(text: str) -> bool:
    """Tell whether an answer that was to be JSON is a refusal in plain English words.

    A text that holds an opening brace or bracket outside thoughts is never one: it may be an
    answer.

    Args:
        text: The answer as it came.

    Example:
        >>> is_refusal("I'm sorry, but I can't assist with that.")
        True
        >>> is_refusal("Here are three documents that cannot help.")
        False
        >>> is_refusal('{"text": "I am sorry, but I cannot help."}')
        False
    """
    if text.startswith("{"):  # as nearly all answers do
        return False
    try:
        said = without_thoughts(text)
    except ValueError:  # cut off within a thought
        return False
    if "{" in said or "[" in said:
        return False
    return _REFUSAL.match(said.lstrip(_DECORATION)[:_BEGINNING]) is not None
