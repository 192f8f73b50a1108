"""What became of some asking, in sentences for whoever waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LIMITS = {"cost": "of cost", "tokens": "of tokens", "seconds": "of time"}


def outcome_lines(summary: Mapping[str, Any]) -> list[str]:
    """Return what a user must know of what was not answered, and why; nothing if all was.

    Args:
        summary: `EngineSummary.as_dict()`, as manifests keep it too.

    Returns:
        A sentence for the limit that was reached, and one for each sort of failure.

    Example:
        >>> for line in outcome_lines({"asked": 9, "answered_now": 4, "answered_before": 0,
        ...         "failed": {"refusal": 2}, "failed_before": {}, "not_reached": 3,
        ...         "failure_examples": {"refusal": "the model refused: no"},
        ...         "stopped_by": "cost"}):
        ...     print(line)
        Stopped by the limit of cost: 3 of 9 calls were not reached; with a higher limit the \
same command goes on.
        2 of 9 calls failed (refusal): the model refused: no
        To ask again what failed, add --retry-failed.
    """
    asked = summary["asked"]
    lines = []
    if limit := summary["stopped_by"]:
        lines.append(
            f"Stopped by the limit {_LIMITS[limit]}: {summary['not_reached']} of {asked} calls"
            " were not reached; with a higher limit the same command goes on."
        )
    examples = summary["failure_examples"]
    for name, when in (("failed", ""), ("failed_before", " in an earlier process")):
        lines += [
            f"{count} of {asked} calls failed{when} ({kind}): {examples.get(kind, '')}"
            for kind, count in summary[name].items()
        ]
    if summary["failed"] or summary["failed_before"]:
        lines.append("To ask again what failed, add --retry-failed.")
    return lines
