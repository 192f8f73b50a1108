"""Train better retrieval models with hard negatives that a language model writes.

Names are loaded when they are first used, so that importing the package stays fast.

Example:
    >>> import syneg
    >>> data = syneg.load_dataset("pydocs")
    >>> data.splits
    ['train', 'test']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from syneg.api import filter, mine, mix, report, run, synthesize, train
    from syneg.datasets.load import load_dataset
    from syneg.encoders.encoder import load_encoder
    from syneg.errors import InputError, SynegError
    from syneg.evaluation.evaluate import evaluate

_HOMES = {
    **dict.fromkeys(("filter", "mine", "mix", "report", "run", "synthesize", "train"), "syneg.api"),
    "load_dataset": "syneg.datasets.load",
    "load_encoder": "syneg.encoders.encoder",
    "evaluate": "syneg.evaluation.evaluate",
    "InputError": "syneg.errors",
    "SynegError": "syneg.errors",
}

__all__ = [
    "InputError",
    "SynegError",
    "__version__",
    "evaluate",
    "filter",
    "load_dataset",
    "load_encoder",
    "mine",
    "mix",
    "report",
    "run",
    "synthesize",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'syneg' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
