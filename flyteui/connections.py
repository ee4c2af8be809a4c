"""Connections of the web process: how many there are, how long a request may take to arrive, how much of it is taken.

A body is refused before it is stored, with 413, or with 403 where the token of an upload is not valid. Responses, streams and
WebSockets may take as long as they like.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import structlog
from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.web import http

from flyteui.middleware.bodies import limit_of
from runs.domain.errors import Unauthenticated

HEADER_SECONDS = 30.0  # from the first byte of a request
SILENT_SECONDS = 30.0  # without a byte, in a body
SLOWEST_BYTES = 64 * 1024  # of a body in a second, beyond that
LINGER_SECONDS = 5.0  # in which a client that is sending still finds out that it was refused
SUBPROTOCOL = b"Sec-WebSocket-Protocol"  # we have none
HELD_BYTES = 1024**3  # of bodies, all requests together

HTTPChannel: Any = http.HTTPChannel  # annotated in parts, and not by its contract

log = structlog.get_logger(__name__)


class BoundedRequest(WebRequest):  # type: ignore[misc]  # untyped
    """Counts what it stores. A form is parsed by Django, in a thread, and not by Twisted, on the event loop."""

    stored = 0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named, parsePOSTFormSubmission=False)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 -- Twisted's name
        if self.channel.is_refused:
            return
        self.stored += len(data)
        self.channel.factory.held_bytes += len(data)
        if self.stored > self.channel.body_limit:
            self.channel.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large(self.channel.body_limit))
        elif self.channel.factory.held_bytes > HELD_BYTES:
            self.channel.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "other requests are too large; try again")
        else:
            super().handleContentChunk(data)

    def process(self) -> Any:
        # Daphne would let the client say where our pages begin, and reads both as ASCII without asking.
        self.requestHeaders.removeHeader(b"Daphne-Root-Path")
        if not all(value.isascii() for value in self.requestHeaders.getRawHeaders(SUBPROTOCOL, [])):
            self.requestHeaders.removeHeader(SUBPROTOCOL)
        done = super().process()
        if self.transport is None:  # a WebSocket has it now
            self.channel.factory.channels.discard(self.channel)
            self._release()
        return done

    def finish(self) -> None:
        self._release()
        super().finish()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 -- Twisted's name
        self._release()
        super().connectionLost(reason)

    def _release(self) -> None:
        if self.channel is not None:
            self.channel.factory.held_bytes -= self.stored
            self.stored = 0


class BoundedChannel(HTTPChannel):  # type: ignore[misc]  # untyped
    """A connection that speaks HTTP."""

    body_limit = 0
    is_refused = False
    _deadline: Any = None

    def connectionMade(self) -> None:  # noqa: N802 -- Twisted's name, as all below
        super().connectionMade()
        self.factory.channels.add(self)
        self._expect(HEADER_SECONDS)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        if self.is_refused:
            return
        if self._deadline is None and not self._handlingRequest:
            self._expect(HEADER_SECONDS)
        super().dataReceived(data)

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        if not self.is_refused:
            super().rawDataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802
        if self.length != 0 and not self._takes_body():
            return
        self._expect(HEADER_SECONDS + (self.length or self.body_limit) / SLOWEST_BYTES)
        self.setTimeout(SILENT_SECONDS)
        super().allHeadersReceived()

    def _takes_body(self) -> bool:
        headers = self.requests[-1].requestHeaders
        content_type = headers.getRawHeaders(b"Content-Type", [b""])[0].decode("latin-1")
        try:
            self.body_limit = limit_of(self._path.decode("latin-1"), content_type)
        except Unauthenticated as error:
            # The client knows an address that is too old by these words, which object stores use.
            words = f"Request has expired: {error}" if "expired" in str(error) else str(error)
            self.refuse(HTTPStatus.FORBIDDEN, words)
        else:
            if self.length is not None and self.length > self.body_limit:
                self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_large(self.body_limit))
        return not self.is_refused

    def allContentReceived(self) -> None:  # noqa: N802
        if not self.is_refused:
            self._expect(None)
            self.setTimeout(self.timeOut)
            super().allContentReceived()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self._expect(None)
        self.factory.channels.discard(self)
        super().connectionLost(reason)

    def refuse(self, status: HTTPStatus, words: str) -> None:
        """Answer at once, take nothing more, and close: when the client has read it, or after LINGER_SECONDS."""
        self.is_refused = True
        self.setTimeout(None)
        for request in self.requests:
            if request.content is not None:
                request.content.close()
        is_call = getattr(self, "_path", b"").startswith(b"/flyteidl2.")
        code = "unavailable" if status is HTTPStatus.SERVICE_UNAVAILABLE else "invalid_argument"
        body = json.dumps({"code": code, "message": words}) if is_call else words
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {'application/json' if is_call else 'text/plain'}\r\n"
            f"Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write((head + body).encode())
        # What the client is sending still is read and dropped: to close before that would take the answer from it.
        # TLS has no half of a connection: it says that it closes, and goes on reading.
        close = self.transport.loseConnection if self.isSecure() else self.transport.loseWriteConnection
        close()
        self._expect(LINGER_SECONDS)

    def _expect(self, seconds: float | None) -> None:
        """Give the client so long for what comes next; None: for as long as it likes."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.callLater(seconds, self._is_late)

    def _is_late(self) -> None:
        self._deadline = None
        if self.is_refused:
            self.transport.abortConnection()
        elif self.requests or self._receivedHeaderSize:
            self.refuse(HTTPStatus.REQUEST_TIMEOUT, "the request took too long to arrive")
        else:
            self.transport.loseConnection()


class BoundedFactory(HTTPFactory):  # type: ignore[misc]  # untyped
    """Takes no more connections than there may be; the others are closed at once."""

    protocol = BoundedChannel

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.channels: set[BoundedChannel] = set()
        self.held_bytes = 0

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        if (count := len(self.channels) + len(self.server.sockets)) >= self.server.max_connections:
            log.warning("a connection was refused: there are too many", open=count)
            return None
        channel = super().buildProtocol(addr)
        channel.requestFactory = BoundedRequest
        return channel

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802
        return [b"http/1.1"]


def too_large(limit: int) -> str:
    return f"the body is larger than {limit} bytes, the limit of this address"
