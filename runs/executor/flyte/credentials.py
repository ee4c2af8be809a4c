"""What code of an action shows when it calls the server with the SDK: the credential of its run, which ends with the run.

Every client of the SDK has the interceptor that is wrapped here, with and without TLS. The credential goes to our server
only, and only where the user's code shows none of its own.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from runs.executor.attempt.environ import CREDENTIAL
from runs.executor.flyte import seam

# Every client of the SDK has it.
INTERCEPTOR = "flyte.remote._client.auth._interceptors.default_metadata:DefaultMetadataInterceptor"
HEADER = "authorization"
PORTS = {"http": 80, "https": 443}


def install(endpoint: str) -> None:
    """endpoint: the URL by which clients reach our server. A flyte without that interceptor shows no credential."""
    if (interceptor := seam.find(INTERCEPTOR)) is not None:
        interceptor.on_start = _showing(interceptor.on_start, address_of(endpoint))


def address_of(url: str) -> str:
    """Host and port of a URL, as the SDK's client names its server."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or PORTS.get(parts.scheme, 80)}"


def _showing(
    on_start: Callable[[Any, Any], Awaitable[None]], address: str
) -> Callable[[Any, Any], Awaitable[None]]:
    @wraps(on_start)
    async def show_and_start(self: Any, ctx: Any) -> None:
        credential = os.environ.get(CREDENTIAL, "")
        if credential and ctx.server_address() == address and ctx.request_headers().get(HEADER) is None:
            ctx.request_headers()[HEADER] = f"Bearer {credential}"
        return await on_start(self, ctx)

    return show_and_start
