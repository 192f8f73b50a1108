"""The proxy that the environment names."""

from __future__ import annotations

from urllib.request import getproxies, proxy_bypass

from syneg.errors import InputError


def environment_proxy(url: str) -> str | None:
    """Return the proxy that the environment names for a URL.

    Returns:
        The proxy's address, or None for a direct connection.

    Raises:
        InputError: It is no HTTP proxy. Its address may hold a password and is not shown.
    """
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0]
    proxies = getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or proxy_bypass(host):
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    if not proxy.lower().startswith(("http://", "https://")):
        raise unusable_proxy()
    return proxy


def unusable_proxy() -> InputError:
    """Return the error for a proxy that cannot be used; it does not show the address."""
    return InputError(
        "the proxy that the environment names cannot be used",
        remedy="correct or unset HTTP_PROXY, HTTPS_PROXY and ALL_PROXY",
    )
