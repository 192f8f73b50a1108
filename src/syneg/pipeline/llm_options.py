"""Which language model is asked, how fast, and for how much."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from syneg.llm.prices import Limits, Prices

_Positive = Annotated[float, Field(gt=0)]


class LanguageModelOptions(BaseModel):
    """Which language model writes negatives, and within which limits.

    Limits hold for all processes that ever worked in the run folder together; when one is
    reached no more is asked, and what was answered is used.

    Attributes:
        server: "none", "local" (llama.cpp with SmolLM2-135M on a loopback port), or the URL
            of any OpenAI-compatible server.
        endpoints: URLs of further servers of the same model; requests go where there is room.
        model: The model's name at the server; None where the server has just one.
        concurrency: Most requests under way at once at each server.
        requests_per_minute: Most requests begun in a minute at each server; None has no limit.
        tokens_per_minute: Most tokens in a minute at each server; None has no limit.
        timeout: Most seconds that one request may take.
        seconds: Time budget for writing; None has none.
        input_price: US dollars for a million tokens of requests; None where nobody knows.
        output_price: US dollars for a million tokens of answers.
        most_cost: US dollars that may be spent; needs the prices.
        most_tokens: Tokens, of requests and answers together, that may be used.
        queries: Most queries that negatives are written for; None: all training queries.
        journal: The file of answers; None keeps it in the run folder. Runs that share one
            never ask twice for the same, so a data set that has grown costs only what is new.
        recorded: A JSONL file of negatives written elsewhere, taken instead of a model's.

    Example:
        >>> options = LanguageModelOptions(input_price=0.15, output_price=0.6, most_cost=5)
        >>> options.prices.cost(1_000_000, 0), options.limits.cost
        (0.15, 5.0)
    """

    model_config = ConfigDict(extra="forbid", validate_default=True)

    server: str = "none"
    endpoints: tuple[str, ...] = ()
    model: str | None = None
    concurrency: Annotated[int, Field(ge=1, le=1024)] = 8
    requests_per_minute: _Positive | None = None
    tokens_per_minute: _Positive | None = None
    timeout: _Positive = 300.0
    seconds: _Positive | None = None
    input_price: Annotated[float, Field(ge=0)] | None = None
    output_price: Annotated[float, Field(ge=0)] | None = None
    most_cost: _Positive | None = None
    most_tokens: Annotated[int, Field(gt=0)] | None = None
    queries: Annotated[int, Field(ge=1)] | None = None
    journal: Path | None = None
    recorded: Path | None = None

    @property
    def prices(self) -> Prices | None:
        """What tokens cost, where it is known."""
        if self.input_price is None or self.output_price is None:
            return None
        return Prices(input_per_million=self.input_price, output_per_million=self.output_price)

    @property
    def limits(self) -> Limits:
        """The limits of money and tokens."""
        return Limits(cost=self.most_cost, tokens=self.most_tokens)

    @property
    def urls(self) -> list[str]:
        """The addresses of all servers; none where there is no server to connect to."""
        return [] if self.server in ("none", "local") else [self.server, *self.endpoints]

    @field_validator("server", "endpoints")
    @classmethod
    def _no_secret_in_the_address(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        from syneg.llm.address import server_address

        # Checked before the configuration is written or shown anywhere.
        for server in [given] if isinstance(given, str) else given:
            if isinstance(given, tuple) or server not in ("none", "local"):
                server_address(server)
        return given

    @field_validator("recorded", "journal")
    @classmethod
    def _whole_path(cls, path: Path | None) -> Path | None:
        return None if path is None else path.resolve()

    @model_validator(mode="after")
    def _no_contradiction(self) -> LanguageModelOptions:
        if self.endpoints and not self.urls:
            raise ValueError("llm.endpoints are further servers: name the first as llm.server")
        if (self.input_price is None) != (self.output_price is None):
            raise ValueError("give both llm.input_price and llm.output_price, or neither")
        if self.most_cost is not None and self.prices is None:
            raise ValueError(
                "llm.most_cost needs prices: give llm.input_price and llm.output_price (--prices), "
                "in US dollars for a million tokens"
            )
        return self
