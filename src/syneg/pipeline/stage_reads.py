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
EXTENDING = frozenset({"llm.seconds", "llm.queries", "llm.most_cost", "llm.most_tokens"})
"""Keys that say how much is written: more may be asked for until something is trained on it."""

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
