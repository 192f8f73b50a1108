"""The options that `run` and the stage commands share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from syneg.pipeline.config import RunConfig

Dataset = Annotated[
    str | None,
    typer.Option("--dataset", help="BEIR folder, 'pydocs' (built in), or 'hub:NAME'."),
]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Encoder: 'minilm' (default), a folder, or 'hub:NAME'."),
]
LanguageModel = Annotated[
    str | None,
    typer.Option(
        "--llm",
        help="Who writes negatives: 'none' (default), 'local', or the URL of any "
        "OpenAI-compatible server. The key is read from SYNEG_LLM_API_KEY or OPENAI_API_KEY.",
    ),
]
LanguageModels = Annotated[
    list[str] | None,
    typer.Option(
        "--llm",
        help="Who writes negatives: 'local', or the URL of any OpenAI-compatible server; "
        "repeat it for several servers of one model. The key is read from SYNEG_LLM_API_KEY or "
        "OPENAI_API_KEY.",
    ),
]
PromptName = Annotated[
    str | None,
    typer.Option(
        "--prompt",
        help="How negatives are asked for: syneg (default), no-attributes, plain, causal or "
        "graded; see `syneg prompt show`.",
    ),
]
Queries = Annotated[
    int | None,
    typer.Option("--queries", min=1, help="Most queries that negatives are written for."),
]
PricesOption = Annotated[
    str | None,
    typer.Option(
        "--prices",
        metavar="IN,OUT",
        help="US dollars for a million tokens of requests and of answers, e.g. 0.15,0.60.",
    ),
]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", help="US dollars that may be spent; needs --prices.")
]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", min=1, help="Tokens that may be used in all.")
]
LanguageModelName = Annotated[
    str | None, typer.Option("--llm-model", help="The model's name at the server.")
]
Synthetic = Annotated[
    Path | None,
    typer.Option("--synthetic", help="JSONL file of negatives that were written elsewhere."),
]
Output = Annotated[
    Path, typer.Option("--output", help="The run folder; the same one goes on where it stopped.")
]
Config = Annotated[
    Path | None, typer.Option("--config", help="YAML file; see config.yaml of a run.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="One configuration value, e.g. training.epochs=5; repeatable."),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Forbid every request that leaves this machine.")
]
SkipUnknown = Annotated[
    bool, typer.Option("--skip-unknown", help="Go on without judgements that name unknown ids.")
]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Let code that comes with a model run.")
]
NoPilot = Annotated[
    bool,
    typer.Option(
        "--no-pilot",
        help="Write the negatives of all queries without finding out on a few first whether "
        "they help on this data.",
    ),
]


def configuration(
    *,
    output: Path,
    dataset: str | None,
    model: str | None,
    llm: str | list[str] | None,
    llm_model: str | None,
    synthetic: Path | None,
    config: Path | None,
    overrides: list[str] | None,
    offline: bool,
    skip_unknown: bool,
    trust_remote_code: bool,
    no_pilot: bool = False,
    values: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Return the configuration that the command line means.

    Where neither a file nor a data set is named and the output folder holds a run already,
    that run's own configuration is the starting point. `values` are more, by dotted key.

    Raises:
        InputError: A value is wrong.
    """
    from syneg.pipeline.config import load_config

    servers = [llm] if isinstance(llm, str) else llm or []
    kept = output / "config.yaml"
    if config is None and dataset is None and kept.is_file():
        config = kept
    return load_config(
        config,
        overrides or [],
        {
            "dataset.location": dataset,
            "dataset.skip_unknown": skip_unknown or None,
            "model.location": model,
            "model.trust_remote_code": trust_remote_code or None,
            "llm.server": servers[0] if servers else None,
            "llm.endpoints": servers[1:] or None,
            "llm.model": llm_model,
            "llm.recorded": None if synthetic is None else str(synthetic),
            "pilot.queries": 0 if no_pilot else None,
            "offline": offline or None,
            **(values or {}),
        },
    )


def read_prices(text: str | None) -> dict[str, float]:
    """Return the two prices that `--prices` gives, by their dotted keys.

    Raises:
        InputError: The text is not two numbers.

    Example:
        >>> read_prices("0.15,0.60")
        {'llm.input_price': 0.15, 'llm.output_price': 0.6}
    """
    from syneg.errors import InputError

    if text is None:
        return {}
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            "is not two prices",
            field="--prices",
            value=text,
            remedy="give dollars for a million tokens of requests and of answers, e.g. 0.15,0.60",
        ) from None
    return {"llm.input_price": first, "llm.output_price": second}
