"""What is refused before any application of ours sees it: addresses that no database takes, sockets of others' pages, and
those beyond their number.
"""

from __future__ import annotations

from typing import Any

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer
from django.http.request import split_domain_port, validate_host

log = structlog.get_logger(__name__)


class NoSuchSocket(AsyncWebsocketConsumer):
    """The answer to a handshake with an unknown path: HTTP 403, as ASGI has no other."""

    async def connect(self) -> None:
        await self.close()


def has_nul(scope: dict[str, Any]) -> bool:
    """Whether path or query hold a NUL, quoted or not: names and texts have none, and PostgreSQL takes none."""
    query: bytes = scope.get("query_string", b"")
    return "\x00" in scope["path"] or b"%00" in query or b"\x00" in query


def is_of_our_page(scope: dict[str, Any], public_url: str, allowed_hosts: list[str]) -> bool:
    """Whether the page that opens a socket is one that we have served: any other page in the same browser may try to.

    Its origin is the public URL, or else scheme, host and port to which the socket comes, and then the host must be ours: a
    name of somebody else may lead to our address.
    """
    headers = dict(scope["headers"])
    origin, host = headers.get(b"origin", b"").decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
    if origin == public_url:
        return True
    scheme = "https" if scope.get("scheme") == "wss" else "http"
    domain, _port = split_domain_port(host)
    return origin.lower() == f"{scheme}://{host}".lower() and validate_host(domain, allowed_hosts)


class NoNUL:
    """Around an ASGI application of HTTP."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not has_nul(scope):
            await self.application(scope, receive, send)
            return
        headers = [
            (b"content-type", b"text/plain"),
            (b"x-content-type-options", b"nosniff"),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 400, "headers": headers})
        await send({"type": "http.response.body", "body": b"an address must not contain a NUL character"})


class PageSockets:
    """Around the ASGI application of the pages' sockets: from our own pages only, and no more than so many at a time."""

    def __init__(self, application: Any, *, most: int, public_url: str, allowed_hosts: list[str]) -> None:
        self.application = application
        self.most = most
        self.open = 0
        self._ours = (public_url, allowed_hosts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        application = self.application
        if has_nul(scope) or not is_of_our_page(scope, *self._ours):
            application = NoSuchSocket.as_asgi()
        elif self.open >= self.most:
            log.warning("a socket of a page was refused: there are too many", open=self.open)
            application = NoSuchSocket.as_asgi()
        self.open += 1
        try:
            await application(scope, receive, send)
        finally:
            self.open -= 1
