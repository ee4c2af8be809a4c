"""Requests that are too large, too slow or too many, against the protocol of the web process with a clock of the test's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from django.conf import settings
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from flyteui import connections
from flyteui.connections import BoundedFactory, BoundedRequest
from flyteui.middleware.bodies import FORM_BYTES, UNKNOWN_BYTES
from runs.api.asgi import MAX_BODY_BYTES
from runs.store import storage

CALL = "/flyteidl2.workflow.RunService/CreateRun"
PAGE = "/v2/domain/development/project/p/runs/r/abort"


class Transport(StringTransport):
    """Remembers how it was ended."""

    ended = ""

    def loseWriteConnection(self) -> None:  # noqa: N802 -- Twisted's names
        self.ended = "half"

    def loseConnection(self) -> None:  # noqa: N802
        self.ended = self.ended or "closed"

    def abortConnection(self) -> None:  # noqa: N802
        self.ended = "aborted"


class FakeServer:
    """What the protocol needs of Daphne's server."""

    max_connections = 3

    def __init__(self) -> None:
        self.sockets: set[object] = set()

    def protocol_connected(self, protocol: object) -> None: ...
    def protocol_disconnected(self, protocol: object) -> None: ...


class Web:
    """The factory of the web process, its clock, and the requests that have come to an application."""

    def __init__(self) -> None:
        self.clock: Any = Clock()
        self.factory = BoundedFactory(FakeServer())
        self.factory.reactor = self.clock
        self.arrived: list[bytes] = []

    def connect(self) -> Any:
        channel = self.factory.buildProtocol(None)
        if channel is not None:
            channel.makeConnection(Transport())
        return channel


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    made = Web()
    monkeypatch.setattr(
        BoundedRequest, "process", lambda request: made.arrived.append(request.content.read())
    )
    yield made
    for channel in [*made.factory.channels]:
        channel.connectionLost(None)
    for call in made.clock.getDelayedCalls():
        call.cancel()


def head(path: str, *headers: str, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def token(size: int, expires_in: int) -> str:
    upload = storage.Upload(
        uri=f"{settings.STORAGE_URL}/x", md5="", max_bytes=size, expires_at=int(time.time()) + expires_in
    )
    return f"/upload/{storage.sign_upload(upload)}"


def status(channel: Any) -> bytes:
    first: bytes = channel.transport.value().partition(b"\r\n")[0]
    return first


TOO_LARGE = f"HTTP/1.1 413 {HTTPStatus.REQUEST_ENTITY_TOO_LARGE.phrase}".encode()  # its words are Python's
SIZES = [
    (CALL, MAX_BODY_BYTES),
    (PAGE, FORM_BYTES),
    ("/anything", UNKNOWN_BYTES),
    ("/flyteidl2.no.Service/Call", UNKNOWN_BYTES),
    ("/", UNKNOWN_BYTES),
]


@pytest.mark.parametrize(("path", "limit"), SIZES)
def test_a_body_that_says_its_size_is_refused_before_it_comes(web: Web, path: str, limit: int):
    fitting, larger = web.connect(), web.connect()

    fitting.dataReceived(head(path, f"Content-Length: {limit}", "Expect: 100-continue"))
    larger.dataReceived(head(path, f"Content-Length: {limit + 1}", "Expect: 100-continue") + b"x" * 1000)

    assert status(fitting) == b"HTTP/1.1 100 Continue"
    assert status(larger) == TOO_LARGE
    assert b"Connection: close" in larger.transport.value()
    assert b"100 Continue" not in larger.transport.value()
    assert larger.transport.ended == "half"
    assert web.factory.held_bytes == 0
    larger.dataReceived(b"x" * 1_000_000)
    assert (web.factory.held_bytes, web.arrived) == (0, [])


@pytest.mark.parametrize(("path", "limit"), SIZES)
def test_a_body_in_chunks_is_refused_when_it_has_grown_too_large(web: Web, path: str, limit: int):
    channel = web.connect()
    channel.dataReceived(head(path, "Transfer-Encoding: chunked"))
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    for _ in range(limit // 0x10000):
        channel.dataReceived(chunk)
    assert channel.transport.value() == b""

    channel.dataReceived(b"1\r\nx\r\n0\r\n\r\n")

    assert status(channel) == TOO_LARGE
    assert web.arrived == []
    channel.connectionLost(None)
    assert web.factory.held_bytes == 0


def test_a_form_is_small_wherever_it_is_sent(web: Web):
    channel = web.connect()

    channel.dataReceived(
        head(CALL, "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {FORM_BYTES + 1}")
    )

    assert status(channel) == TOO_LARGE


LAUNCH = "/v2/domain/development/project/p/tasks/t/launch"


@pytest.mark.parametrize(
    ("path", "content_type", "limit"),
    [
        (LAUNCH, "multipart/form-data; boundary=x", settings.MAX_UPLOAD_BYTES + FORM_BYTES),
        ("/v2/domain/d/project/p/uploads", "Multipart/form-data; boundary=x", settings.MAX_UPLOAD_BYTES + FORM_BYTES),
        (LAUNCH, "application/x-www-form-urlencoded", FORM_BYTES),
        (PAGE, "multipart/form-data; boundary=x", FORM_BYTES),
        (f"{LAUNCH}/more", "multipart/form-data; boundary=x", FORM_BYTES),
        ("/sign-in/", "multipart/form-data; boundary=x", UNKNOWN_BYTES),
    ],
)  # fmt: skip
def test_only_forms_with_files_may_be_as_large_as_an_upload(
    web: Web, path: str, content_type: str, limit: int
):
    fitting, larger = web.connect(), web.connect()

    fitting.dataReceived(head(path, f"Content-Type: {content_type}", f"Content-Length: {limit}"))
    larger.dataReceived(head(path, f"Content-Type: {content_type}", f"Content-Length: {limit + 1}"))

    assert status(fitting) == b""
    assert status(larger) == TOO_LARGE


@pytest.mark.parametrize(
    ("expires_in", "length", "expected"),
    [
        (600, 100, b""),
        (600, 101, TOO_LARGE),
        (-5, 1, b"HTTP/1.1 403 Forbidden"),
        (None, 1, b"HTTP/1.1 403 Forbidden"),
    ],
    ids=["fits", "too large", "expired", "forged"],
)
def test_an_upload_may_be_as_large_as_its_token_says(
    web: Web, expires_in: int | None, length: int, expected: bytes
):
    channel = web.connect()
    path = "/upload/forged" if expires_in is None else token(100, expires_in)

    channel.dataReceived(head(path, f"Content-Length: {length}", method="PUT"))

    assert status(channel) == expected
    # By these words the client knows that it must ask for a new address.
    assert (b"Request has expired" in channel.transport.value()) == (expires_in == -5)


def test_a_whole_body_arrives_and_the_connection_goes_on(web: Web):
    channel = web.connect()
    channel.dataReceived(head("/x", "Content-Length: 5") + b"hello")

    assert web.arrived == [b"hello"]
    assert web.factory.held_bytes == 5
    web.clock.advance(100_000)  # an answer may take as long as it likes
    assert channel.transport.ended == ""


def test_bodies_have_a_limit_together(web: Web, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connections, "HELD_BYTES", 1000)
    first, second = web.connect(), web.connect()
    first.dataReceived(head("/x", "Content-Length: 1000") + b"x" * 900)

    second.dataReceived(head(CALL, "Content-Length: 1000") + b"x" * 101)

    assert status(second) == b"HTTP/1.1 503 Service Unavailable"
    assert b"unavailable" in second.transport.value()
    second.connectionLost(None)
    assert web.factory.held_bytes == 900


@pytest.mark.parametrize("sent", [b"", b"POST /x HTT", b"POST /x HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_head_that_comes_too_slowly_is_given_up(web: Web, sent: bytes):
    channel = web.connect()
    for _ in range(int(connections.HEADER_SECONDS)):
        channel.dataReceived(sent[:1])
        sent = sent[1:]
        web.clock.advance(1.001)

    assert channel.transport.ended in {"half", "closed"}


def test_a_head_may_be_sent_slowly_but_not_for_ever(web: Web):
    channel = web.connect()
    channel.dataReceived(b"GET / HTTP/1.1\r\n")
    for number in range(40):  # a byte a second would have kept it open
        channel.dataReceived(b"x-%d: y\r\n" % number)
        web.clock.advance(1)

    assert status(channel) == b"HTTP/1.1 408 Request Timeout"
    web.clock.advance(connections.LINGER_SECONDS + 1)
    assert channel.transport.ended == "aborted"


def test_a_body_must_not_trickle(web: Web):
    channel = web.connect()
    channel.dataReceived(head("/x", "Content-Length: 60000"))
    for _ in range(60):
        channel.dataReceived(b"x")
        web.clock.advance(1)

    assert status(channel) == b"HTTP/1.1 408 Request Timeout"
    assert web.arrived == []


def test_a_silent_body_is_given_up(web: Web):
    channel = web.connect()
    channel.dataReceived(head(CALL, "Content-Length: 14000000") + b"x")
    web.clock.advance(connections.SILENT_SECONDS + 1)

    assert channel.transport.ended == "closed"


def test_a_large_body_has_the_time_that_it_needs(web: Web):
    channel = web.connect()
    channel.dataReceived(head(CALL, "Content-Length: 6553600"))
    for _ in range(100):
        channel.dataReceived(b"x" * 65536)
        web.clock.advance(1)

    assert len(web.arrived) == 1


def test_there_are_no_more_connections_than_there_may_be(web: Web):
    opened = [web.connect() for _ in range(3)]
    assert all(opened)
    assert web.connect() is None

    opened[0].connectionLost(None)
    assert web.connect() is not None
    web.factory.server.sockets.add(object())
    opened[1].connectionLost(None)
    assert web.connect() is None
