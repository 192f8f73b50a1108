"""Which model a run exports, in one sentence that never flatters."""

from __future__ import annotations

from typing import Any


def headline(metrics: dict[str, Any]) -> str:
    """Return the sentence that says which model is exported, and why."""
    development, test = metrics["development"], metrics["test"]
    change = (
        f"nDCG@10 on the development split {100 * development['before']:.2f} → "
        f"{100 * development['after']:.2f}, {chance(development)}"
    )
    if metrics["exported"] == "tuned":
        return (
            f"The tuned model is exported: {change}. On the test split: "
            f"{100 * test['before']:.2f} → {100 * test['after']:.2f}, {chance(test)}."
        )
    return (
        f"The starting model is exported, unchanged: training did not improve it: {change}. "
        f"On the test split it has {100 * test['before']:.2f}."
    )


def chance(comparison: dict[str, Any]) -> str:
    """Return the p-value of a comparison as one writes it in a sentence.

    Example:
        >>> chance({"p_value": 0.00009}), chance({"p_value": 0.25})
        ('p < 0.001', 'p = 0.250')
    """
    value = comparison["p_value"]
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
