"""One name for every kind of data set."""

from __future__ import annotations

from pathlib import Path

from syneg.datasets.beir import read_beir_folder
from syneg.datasets.dataset import RetrievalDataset
from syneg.datasets.hub import read_hub_dataset
from syneg.datasets.pydocs import build_pydocs
from syneg.errors import InputError

_HUB = "hub:"
_PYDOCS = "pydocs"


def load_dataset(
    location: str, *, skip_unknown: bool = False, offline: bool = False
) -> RetrievalDataset:
    """Load a data set from wherever it is.

    Args:
        location: `pydocs`, the built-in set made from Python's own documentation;
            `hub:OWNER/NAME`, a BEIR or MTEB retrieval set on the Hugging Face Hub (or
            `hub:FOLDER`, a downloaded copy of one); otherwise a folder in BEIR's layout.
        skip_unknown: Leave out judgements of unknown queries or documents, with a counted
            note, instead of raising.
        offline: Do not ask the Hub; use what was downloaded before.

    Raises:
        InputError: There is no such data set, or something in it is wrong.

    Example:
        >>> load_dataset("pydocs").splits
        ['train', 'test']
    """
    if location == _PYDOCS:
        return build_pydocs()
    if location.startswith(_HUB):
        return read_hub_dataset(
            location.removeprefix(_HUB), skip_unknown=skip_unknown, offline=offline
        )
    if not location.strip() or not Path(location).exists():
        raise InputError(
            "there is no such data set",
            value=location,
            remedy="give a folder in BEIR's layout, hub:OWNER/NAME for one on the Hugging Face "
            f"Hub, or {_PYDOCS} for the built-in one",
        )
    return read_beir_folder(Path(location), skip_unknown=skip_unknown)
