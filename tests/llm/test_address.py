from __future__ import annotations

import logging

import pytest

from syneg.errors import InputError
from syneg.llm.address import api_key_from_environment, is_this_machine, server_address
from syneg.llm.client import OpenAICompatibleModel

KEY = "sk-very-secret-0123456789"


@pytest.mark.parametrize("key", ["söcret-key", "two words", "line\nbreak"])
def test_a_key_that_no_header_carries(key: str) -> None:
    with pytest.raises(InputError) as caught:
        OpenAICompatibleModel("http://127.0.0.1:1", "fake", api_key=key)
    assert key not in str(caught.value)
    assert "SYNEG_LLM_API_KEY" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter22@127.0.0.1/v1",
        "http://hunter22@127.0.0.1/v1",
        "https://example.org/v1?api_key=hunter22",
        "https://example.org/v1?key=hunter22",
        "https://example.org:hunter22/v1",
    ],
)
def test_addresses_with_keys_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(InputError) as caught:
        OpenAICompatibleModel(url, "fake")
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://a/", "http://", "http://a:99999"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(InputError, match="address"):
        server_address(url)


@pytest.mark.parametrize(
    ("url", "chat"),
    [
        (
            "https://a.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=1",
            "https://a.openai.azure.com/openai/deployments/gpt/chat/completions",
        ),
        (
            "https://a.openai.azure.com/openai/deployments/gpt/?api-version=1",
            "https://a.openai.azure.com/openai/deployments/gpt/chat/completions",
        ),
        (
            "https://a.openai.azure.com/openai/v1",
            "https://a.openai.azure.com/openai/v1/chat/completions",
        ),
    ],
)
def test_azures_addresses(url: str, chat: str) -> None:
    address = server_address(url)
    assert address.chat == chat
    assert address.is_azure
    assert ("api-version", "1") in address.parameters or "v1" in url
    assert not server_address("https://azure.com.example.org/v1").is_azure


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:1", True),
        ("http://LOCALHOST./v1", True),
        ("http://127.8.9.1/", True),
        ("http://[::1]:8/v1", True),
        ("http://[::ffff:127.0.0.1]/", True),
        ("http://10.0.0.1/", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://localhost.example.org/", False),
    ],
)
def test_is_this_machine(url: str, local: bool) -> None:
    assert is_this_machine(url) is local


def test_a_warning_for_a_key_without_encryption(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        OpenAICompatibleModel("http://127.0.0.1:1", "fake", api_key=KEY)
        OpenAICompatibleModel("https://example.org", "fake", api_key=KEY)
        OpenAICompatibleModel("http://example.org", "fake")
        assert not caplog.records
        OpenAICompatibleModel("http://example.org", "fake", api_key=KEY)
    assert "unencrypted" in caplog.text
    assert KEY not in caplog.text


def test_the_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYNEG_LLM_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert api_key_from_environment() is None
    monkeypatch.setenv("OPENAI_API_KEY", "second\n")
    assert api_key_from_environment() == "second"
    monkeypatch.setenv("SYNEG_LLM_API_KEY", "first")
    assert api_key_from_environment() == "first"
