"""An id for each request, in a header of the response and in the lines of the server's log."""

from __future__ import annotations

import re
import secrets
from typing import Any

import structlog

HEADER = b"x-request-id"
# A request id of a client or a proxy; anything else could forge lines of the log.
WELL_FORMED = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class RequestIDs:
    """Around an ASGI application of HTTP: takes the client's x-request-id if it is well-formed, or else makes one."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        request_id = given if WELL_FORMED.fullmatch(given) else secrets.token_hex(8).encode()

        async def send_with_id(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message.get("headers", ()), (HEADER, request_id)]}
            await send(message)

        others = [(name, value) for name, value in scope["headers"] if name != HEADER]
        scope = scope | {"headers": [*others, (HEADER, request_id)]}
        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            await self.application(scope, receive, send_with_id)
