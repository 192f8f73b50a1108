"""One language model behind several servers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from syneg.errors import InputError
from syneg.llm.client import OpenAICompatibleModel
from syneg.llm.endpoint import Endpoint
from syneg.llm.pace import Pace
from syneg.llm.protocol import ChatAnswer, ChatRequest, FailureKind, LanguageModelError

_log = logging.getLogger(__name__)


class Endpoints:
    """A `LanguageModel` that several servers serve under the same name.

    Each request goes to the server with the most free slots among those that may be asked now.
    A server that cannot be reached is set aside with growing pauses, and its requests go to the
    others; only when none can be reached is that the request's failure. One that gives nothing
    but errors (HTTP 5xx) is set aside likewise; the requests that met with them have failed, and
    go to another when they are asked again.

    Args:
        models: The servers, one or more, each with its own pace.

    Raises:
        InputError: There is none, one is given twice, or they are to serve different models.

    Example:
        >>> Endpoints([OpenAICompatibleModel(f"http://127.0.0.1:{port}", "small")
        ...            for port in (8080, 8081)]).urls
        ('http://127.0.0.1:8080/v1', 'http://127.0.0.1:8081/v1')
    """

    def __init__(self, models: Sequence[OpenAICompatibleModel]) -> None:
        if not models:
            raise InputError("no language model server was given", remedy="give at least one")
        self._endpoints = [Endpoint(model) for model in models]
        twice = {url for url in self.urls if self.urls.count(url) > 1}
        if twice:
            raise InputError(
                "a language model server was given twice",
                value=min(twice),
                remedy="name every server once",
            )
        self._check_names()

    def __repr__(self) -> str:
        return f"Endpoints(urls={list(self.urls)!r})"

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of all servers."""
        return tuple(endpoint.model.url for endpoint in self._endpoints)

    @property
    def name(self) -> str:
        """The model's name.

        Raises:
            InputError: None was given, and `check` has not chosen one.
        """
        for endpoint in self._endpoints:
            if endpoint.model.chosen_name is not None:
                return endpoint.model.chosen_name
        return self._endpoints[0].model.name  # raises what is wrong

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """Answer one request once; see `OpenAICompatibleModel.answer`.

        Raises:
            LanguageModelError: There was no answer: `UNREACHABLE` when no server could be
                reached, otherwise the failure at the one that was.
        """
        left = list(self._endpoints)
        while True:
            endpoint = self._chosen(left)
            left.remove(endpoint)
            try:
                return await self._answer(endpoint, request)
            except LanguageModelError as error:
                if error.kind is not FailureKind.UNREACHABLE or not left:
                    raise

    async def check(self) -> str:
        """Ask every server for its models; see `OpenAICompatibleModel.check`.

        A server that does not answer is set aside with a warning, as long as another does.

        Returns:
            The model's name.

        Raises:
            InputError: No server answers, one refuses the key, or they do not serve the same
                model.
        """
        results = await asyncio.gather(
            *(endpoint.model.check() for endpoint in self._endpoints), return_exceptions=True
        )
        failed: list[BaseException] = []
        for endpoint, result in zip(self._endpoints, results, strict=True):
            if isinstance(result, InputError) and isinstance(result.__cause__, LanguageModelError):
                failed.append(result)
                endpoint.set_aside(time.monotonic())
            elif isinstance(result, BaseException):
                raise result
            else:
                endpoint.is_well()
        if len(failed) == len(self._endpoints):
            raise failed[0]
        for error in failed:
            _log.warning("%s; going on without it until it does", error)
        self._check_names()
        return self.name

    async def close(self) -> None:
        """Close the connections; asking again opens new ones."""
        for endpoint in self._endpoints:
            await endpoint.model.close()

    async def _answer(self, endpoint: Endpoint, request: ChatRequest) -> ChatAnswer:
        if endpoint.model.chosen_name is None:
            # It was not there when the names were asked for.
            endpoint.model.choose(self.name)
        is_trial = endpoint.failures > 0
        endpoint.is_tried = endpoint.is_tried or is_trial
        begun = time.monotonic()
        try:
            answer = await endpoint.model.answer(request)
        except LanguageModelError as error:
            if endpoint.is_ill_by(error.kind):
                self._set_aside(endpoint, error, begun)
            raise
        finally:
            if is_trial:
                endpoint.is_tried = False
        endpoint.is_well()
        return answer

    def _set_aside(self, endpoint: Endpoint, error: LanguageModelError, begun: float) -> None:
        now = time.monotonic()
        # Many requests break together: only those begun after the pause lengthen it.
        if endpoint.failures and begun < endpoint.again_at:
            return
        pause = endpoint.set_aside(now)
        _log.warning(
            "the language model server at %s %s (%s); asking others for %g s",
            endpoint.model.url,
            "cannot be reached" if error.kind is FailureKind.UNREACHABLE else "gives only errors",
            error.detail,
            pause,
        )

    def _chosen(self, left: Sequence[Endpoint]) -> Endpoint:
        now = time.monotonic()
        ready = [endpoint for endpoint in left if endpoint.is_open(now)]
        if not ready:
            # None may be asked: the one that has rested longest is asked all the same, so that
            # the failure is one that was met and not one that was guessed.
            return min(left, key=lambda endpoint: endpoint.again_at)
        return max(
            ready,
            key=lambda endpoint: (
                -endpoint.model.pace.held_seconds,
                endpoint.model.pace.free_slots,
            ),
        )

    def _check_names(self) -> None:
        names = {
            endpoint.model.chosen_name: endpoint.model.url
            for endpoint in self._endpoints
            if endpoint.model.chosen_name is not None
        }
        if len(names) > 1:
            served = ", ".join(f"'{name}' at {url}" for name, url in names.items())
            raise InputError(
                f"the language model servers serve different models: {served}",
                remedy="give servers of one model, and its name with --llm-model NAME",
            )


def language_model(
    urls: str | Sequence[str],
    name: str | None = None,
    *,
    api_key: str | None = None,
    timeout: float = 300.0,
    concurrency: int | None = None,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    memory: Path | None = None,
) -> OpenAICompatibleModel | Endpoints:
    """Return the language model behind one server or several.

    Args:
        urls: The server or servers; see `OpenAICompatibleModel`.
        name: The model's name; None lets `check` take the only one that there is.
        api_key: The key, sent to all of them; see `api_key_from_environment`.
        timeout: Most seconds that one request may take, from above 0.
        concurrency: Most requests under way at each server, from 1; None for no limit.
        requests_per_minute: Most requests begun in a minute at each server, from above 0.
        tokens_per_minute: Most tokens in a minute at each server, from above 0.
        memory: A file in which it is remembered which form of request the servers take.

    Raises:
        InputError: An argument is out of range, or an address cannot be used.

    Example:
        >>> language_model("http://127.0.0.1:8080", "small", concurrency=8)
        OpenAICompatibleModel(url='http://127.0.0.1:8080/v1', name='small')
    """
    models = [
        OpenAICompatibleModel(
            url,
            name,
            api_key=api_key,
            timeout=timeout,
            pace=Pace(
                concurrency,
                requests_per_minute=requests_per_minute,
                tokens_per_minute=tokens_per_minute,
            ),
            memory=memory,
        )
        for url in ([urls] if isinstance(urls, str) else urls)
    ]
    return models[0] if len(models) == 1 else Endpoints(models)
