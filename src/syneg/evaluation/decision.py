"""Which model a run exports, in one sentence that never flatters."""

from __future__ import annotations

from typing import Any


def headline(metrics: dict[str, Any]) -> str:
    """Return the sentence that says which model is exported, and why."""
    development, test = metrics["development"], metrics["test"]
    change = (
        f"nDCG@10 on the development split {100 * development['before']:.2f} → "
        f"{100 * development['after']:.2f}, {_chance(development)}"
    )
    if metrics["exported"] == "tuned":
        return (
            f"The tuned model is exported: {change}. On the test split: "
            f"{100 * test['before']:.2f} → {100 * test['after']:.2f}, {_chance(test)}."
        )
    return (
        f"The starting model is exported, unchanged: training did not improve it: {change}. "
        f"On the test split it has {100 * test['before']:.2f}."
    )


def _chance(comparison: dict[str, Any]) -> str:
    value = comparison["p_value"]
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
