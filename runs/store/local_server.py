"""The server as the other processes of its machine reach it: management commands, the worker, demonstrations."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from django.conf import settings

from runs.protocol.pinning import pinned_to

if TYPE_CHECKING:
    import httpx

SOCKETS = f"ws{settings.LOCAL_URL.removeprefix('http')}"


def certificate() -> str:
    """The file by which the server is known there; "" where it speaks no TLS itself."""
    found: str = settings.TLS_CERT
    return found


def verification() -> ssl.SSLContext:
    """httpx's `verify`: the one certificate, or nobody's; httpx itself would read all of the machine's, which takes 30 ms."""
    return pinned_to(certificate()) if certificate() else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(timeout_seconds: float, headers: dict[str, str] | None = None) -> httpx.Client:
    """An HTTP client of the server, with these headers; no proxy of the environment is between the two."""
    # Here, because `flyteui up` and the worker need none, and would take a tenth longer to start.
    import httpx

    return httpx.Client(
        base_url=settings.LOCAL_URL,
        timeout=timeout_seconds,
        verify=verification(),
        trust_env=False,
        headers=headers,
    )
