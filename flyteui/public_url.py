"""The address of the server as others write it: read, checked, taken apart."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

# Addresses that a server may listen on, but to which no client can connect.
ANY_HOST = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 -- compared with, not bound to


def read_public_url(text: str) -> str:
    """The URL without a slash at its end. Raises ImproperlyConfigured for what is more or less than scheme, host and port."""
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        is_complete = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or url != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ImproperlyConfigured(
            f"FLYTEUI_PUBLIC_URL is {text!r}; it must be scheme, host and perhaps a port, like https://flyteui.example.com"
        )
    # As browsers write an origin, with which it is compared.
    return f"{parts.scheme}://{parts.netloc.lower()}".removesuffix(
        ":443" if parts.scheme == "https" else ":80"
    )


def url_host(host: str) -> str:
    """A host as URLs have it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def host_of(url: str) -> str:
    """The host of a URL, as ALLOWED_HOSTS has it."""
    return url_host(urlsplit(url).hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host, as a name or an address, is this machine only."""
    bare = host.strip("[]").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False
