"""The address of an OpenAI-compatible server, checked and brought into one form."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from syneg.errors import InputError

KEY_VARIABLES = ("SYNEG_LLM_API_KEY", "OPENAI_API_KEY")
_KEY_REMEDY = f"give the key in the environment variable {KEY_VARIABLES[0]}"

_VERSION = re.compile(r"v\d+\w*")
_LIKE_A_KEY = re.compile(r"key|token|secret|auth|pass|sig|credential", re.IGNORECASE)
_HIGHEST_PORT = 65535
_AZURE_HOSTS = (
    ".openai.azure.com",
    ".services.ai.azure.com",
    ".cognitiveservices.azure.com",
    ".openai.azure.us",
)
# Azure's older addresses name a deployment and take the version as a parameter.
_DEPLOYMENT = re.compile(r"/openai/deployments/[^/]+")
_ENDPOINTS = ("/chat/completions", "/models")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server's chat API is.

    Attributes:
        base: The address up to and with the version, such as "http://127.0.0.1:8080/v1".
        parameters: The query string to send with every request, such as an API version.
    """

    base: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def is_azure(self) -> bool:
        """Whether the server is Azure's, which has its own header for the key."""
        host = httpx.URL(self.base).host.lower()
        return host.endswith(_AZURE_HOSTS)

    @property
    def chat(self) -> str:
        """Where chat requests are sent."""
        return f"{self.base}/chat/completions"

    @property
    def models(self) -> str:
        """Where the server lists its models."""
        return f"{self.base}/models"


def server_address(url: str) -> ServerAddress:
    """Return the address that a URL means, with or without its `/v1`.

    Args:
        url: `http://host:port`, `…/v1` or `…/v1/chat/completions`.

    Returns:
        The checked address.

    Raises:
        InputError: It is no web address, or it carries a key or password.

    Example:
        >>> server_address("http://localhost:8080/").chat
        'http://localhost:8080/v1/chat/completions'
        >>> server_address("https://example.org/openai/v1/chat/completions").base
        'https://example.org/openai/v1'
        >>> server_address("https://a.openai.azure.com/openai/deployments/b?api-version=1").chat
        'https://a.openai.azure.com/openai/deployments/b/chat/completions'
    """
    parsed = _parsed(url)
    if parsed.userinfo:
        # The value is not shown: it holds the password.
        raise InputError(
            "the address of the language model server carries a user name or password",
            remedy=_KEY_REMEDY,
        )
    for name in parsed.params:
        if _LIKE_A_KEY.search(name):
            raise InputError(
                f"the address of the language model server carries a key ('{name}=…')",
                remedy=_KEY_REMEDY,
            )
    path = parsed.path.rstrip("/")
    is_endpoint = path.endswith(_ENDPOINTS)
    for endpoint in _ENDPOINTS:
        path = path.removesuffix(endpoint)
    has_version = any(_VERSION.fullmatch(part) for part in path.split("/"))
    if not (has_version or is_endpoint or _DEPLOYMENT.search(path)):
        path += "/v1"
    base = str(parsed.copy_with(path=path, query=None, fragment=None))
    return ServerAddress(base, tuple(parsed.params.multi_items()))


def _parsed(url: str) -> httpx.URL:
    remedy = "write it like http://127.0.0.1:8080/v1"
    try:
        parsed = httpx.URL(url.strip())
        port = parsed.port or 0
    except httpx.InvalidURL:
        # Neither the address nor the library's words are shown: a password may be in them.
        raise InputError(
            "the address of the language model server is not a web address", remedy=remedy
        ) from None
    if port > _HIGHEST_PORT:
        raise InputError(
            "the address of the language model server has a port that does not exist",
            value=port,
            remedy=remedy,
        )
    if parsed.scheme not in ("http", "https") or not parsed.host:
        shown = f"{parsed.scheme}://{parsed.host}" if parsed.host else None
        raise InputError(
            "the address of the language model server does not begin with http:// or https://",
            value=shown,
            remedy=remedy,
        )
    return parsed


def is_this_machine(url: str) -> bool:
    """Tell whether a URL leads to this machine and to no other.

    Example:
        >>> is_this_machine("http://127.0.0.1:8080/v1"), is_this_machine("http://[::1]:1/")
        (True, True)
        >>> is_this_machine("https://localhost.example.org/v1")
        False
    """
    host = _parsed(url).host.rstrip(".").lower()
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def api_key_from_environment() -> str | None:
    """Return the API key from SYNEG_LLM_API_KEY or, failing that, OPENAI_API_KEY.

    Returns:
        The key, or None when neither variable holds one.
    """
    for variable in KEY_VARIABLES:
        if key := os.environ.get(variable, "").strip():
            return key
    return None


def checked_key(key: str | None) -> str | None:
    """Return an API key without the blanks around it, or None for an empty one.

    Raises:
        InputError: It has characters that no HTTP header can carry. The key is not shown.

    Example:
        >>> checked_key(" secret ")
        'secret'
    """
    key = (key or "").strip()
    # Refused here because the HTTP library would print the whole header in its error.
    if not re.fullmatch(r"[!-~]*", key):
        raise InputError(
            "the API key has blanks or letters outside ASCII",
            remedy=f"copy it again into the environment variable {KEY_VARIABLES[0]}",
        )
    return key or None


def refuse_other_machines(urls: Iterable[str], *, field: str) -> None:
    """Make sure that all servers are on this machine, where nothing may leave it.

    Args:
        urls: The servers' addresses.
        field: What errors call the place that named them.

    Raises:
        InputError: One is not.

    Example:
        >>> refuse_other_machines(["http://127.0.0.1:8080/v1"], field="--llm")
    """
    for url in urls:
        if not is_this_machine(url):
            raise InputError(
                "the language model server is not on this machine, and --offline was given",
                field=field,
                value=url,
                remedy="leave --offline away, or give a server on this machine",
            )
