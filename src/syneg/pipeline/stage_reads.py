"""Which stage is the first to read a key of the configuration."""

from __future__ import annotations

BEFORE_PILOTS = "the negatives were there before this version of syneg made pilots"
"""Why there was no pilot in a run folder that an earlier version made."""

_FIRST_STAGES = {
    "model": "baseline",
    "mining": "mine",
    "mining.select": "filter",
    "mining.reference": "filter",
    "pilot": "pilot",
    "llm": "synthesize",
    "synthesis": "synthesize",
    "filters": "filter",
    "judge": "filter",
    "second_opinion": "filter",
    "mixing": "mix",
    "training": "train",
}
_EXTENDING = frozenset(
    f"llm.{key}"
    for key in (
        "seconds", "queries", "most_cost", "most_tokens",
        # Where the model is reached; which model it is is a fact of its own.
        "server",
    )
)  # fmt: skip
# Stages that take seconds and ask nothing that was answered before.
_CHEAP = ("filter", "mix")

# The number of queries, the time and the server's address may still change after it: which
# model is asked is a fact of its own.
_READ_BY_PILOT = (
    "llm.recorded", "synthesis", "mining.select", "mining.reference", "filters", "mixing",
    "training",
)  # fmt: skip
_PASSED_OVER_BY_PILOT = {
    f"training.{key}"
    for key in (
        "epochs", "batch_size", "learning_rate", "refresh", "refresh_every", "refresh_depth",
        "refresh_documents", "refresh_negatives",
    )
}  # fmt: skip


def first_stage(key: str, *, piloted: bool = False) -> str:
    """Return the first stage that reads a key of the configuration.

    Args:
        key: Dotted.
        piloted: Whether models were trained in the pilot: then it read most of what later
            stages read.

    Example:
        >>> first_stage("training.epochs"), first_stage("seed")
        ('train', 'data')
        >>> first_stage("filters.gates"), first_stage("filters.gates", piloted=True)
        ('filter', 'pilot')
    """
    if piloted and key not in _PASSED_OVER_BY_PILOT:
        parts = key.split(".")
        if {".".join(parts[:end]) for end in range(1, len(parts) + 1)} & {*_READ_BY_PILOT}:
            return "pilot"
    return _FIRST_STAGES.get(key, _FIRST_STAGES.get(key.partition(".")[0], "data"))


def again_from(key: str, before: object, after: object, *, piloted: bool = False) -> str | None:
    """Return the stage to go on from when a key changes before anything is trained.

    How much is written may grow, and what was written may be judged and mixed anew: that costs
    seconds, and nothing is asked twice.

    Args:
        key: Dotted.
        before: Its value until now.
        after: Its value from now on.
        piloted: Whether the pilot trained models; then it chose the mixture.

    Returns:
        A stage; None where the change asks for another run folder.

    Example:
        >>> again_from("filters.copy_share", 0.5, 0.4), again_from("llm.queries", 10, 20)
        ('filter', 'synthesize')
        >>> again_from("llm.server", "none", "local") is None
        True
    """
    if key in _EXTENDING:
        # Another address of the model is no other model; none, or the local one, is.
        is_other = key == "llm.server" and not {"none", "local"}.isdisjoint({before, after})
        return None if is_other else "synthesize"
    stage = first_stage(key)
    if stage not in _CHEAP or (piloted and stage == "mix"):
        return None
    return stage
