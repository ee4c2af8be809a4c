"""What a peer can do to the sockets: it gets a refusal or a close code, and the log gets no traceback."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings

from flyteui.middleware.border import PageSockets
from runs.protocol import frames, worker_frames
from runs.protocol.constants import BAD_MESSAGE, NO_HELLO, NOT_FOUND
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 20
HOST = (b"host", b"localhost")
ORIGIN = (b"origin", b"http://localhost:8000")


@pytest.fixture(autouse=True)
def no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def peer(path: str, *headers: tuple[bytes, bytes]) -> WebsocketCommunicator:
    from flyteui.asgi import application

    return WebsocketCommunicator(application, path, [HOST, *(headers or [ORIGIN])])


def link(path: str) -> WebsocketCommunicator:
    return peer(path, (b"authorization", f"Bearer {settings.EXECUTOR_TOKEN}".encode()))


async def closed_with(socket: WebsocketCommunicator) -> int:
    while (output := await socket.receive_output(timeout=SECONDS))["type"] != "websocket.close":
        pass
    code: int = output["code"]
    await socket.disconnect()
    return code


@pytest.mark.parametrize(
    "path", ["/ws/", "/ws/nothing/", "/ws/run/x/", f"/ws/run/{'9' * 5000}/", "/ws/runs/a/b%00/"]
)
async def test_an_unknown_path_is_refused(path: str):
    is_accepted, _ = await peer(path.replace("%00", "\x00")).connect(timeout=SECONDS)

    assert not is_accepted


@pytest.mark.parametrize(
    "origin",
    [b"http://[", b"http://localhost:port", b"\xff\xfe", b"", b"null", b"http://evil.example",
     b"http://localhost:3000", b"https://localhost"],
)  # fmt: skip
async def test_a_page_that_is_not_ours_opens_no_socket(origin: bytes):
    is_accepted, _ = await peer("/ws/executors/", (b"origin", origin)).connect(timeout=SECONDS)

    assert not is_accepted


@pytest.mark.parametrize(
    ("host", "origin"),
    [(b"localhost", b"http://localhost"), (b"127.0.0.1:9000", b"http://127.0.0.1:9000"),
     (b"anything", settings.PUBLIC_URL.encode())],
)  # fmt: skip
async def test_our_own_page_does_whichever_way_it_came(host: bytes, origin: bytes):
    from flyteui.asgi import application

    socket = WebsocketCommunicator(application, "/ws/executors/", [(b"host", host), (b"origin", origin)])

    assert (await socket.connect(timeout=SECONDS))[0]
    await socket.disconnect()


async def test_a_name_that_somebody_else_lets_lead_to_us_is_not_ours():
    from flyteui.asgi import application

    headers = [(b"host", b"evil.example"), (b"origin", b"http://evil.example")]

    assert not (await WebsocketCommunicator(application, "/ws/executors/", headers).connect(timeout=SECONDS))[
        0
    ]


async def test_a_number_that_no_row_has_is_not_found():
    socket = peer(f"/ws/run/{'9' * 110}/")
    assert (await socket.connect(timeout=SECONDS))[0]

    assert await closed_with(socket) == NOT_FOUND


@pytest.mark.parametrize(
    "text",
    [
        '{"kind": "toggle", "name": ' + "[" * 100_000,
        '{"kind": "log", "action": ' + "9" * 110 + "}",
        '{"kind": "window", "first": 0, "count": ' + "9" * 30 + "}",
        '{"kind": "nothing"}',
        "[" * 1000,
    ],
)
async def test_a_message_of_a_page_that_is_none_closes_its_socket(text: str):
    run = await sync_to_async(factories.make_run)("2")
    socket = peer(f"/ws/run/{run.pk}/")
    assert (await socket.connect(timeout=SECONDS))[0]
    await socket.send_to(text)

    assert await closed_with(socket) == BAD_MESSAGE


EXITED = frames.encode(worker_frames.Exited("not-a-uuid", 1))
SILENT = frames.encode(worker_frames.Silence("../x", frames.LoopState(responsive=True, at=1)))
HELLO = frames.encode(frames.Hello("not-a-uuid", "pool", 0, "host", 1, 1))
NO_UTF8 = b"\x82\xa4type\xa5hello\xa4host\xa2\x95#"
DEEP = msgspec.msgpack.encode({"type": "hello", "no such field": 0})[:-1] + b"\x91" * 100_000


@pytest.mark.parametrize(
    "frame", [EXITED, SILENT, DEEP, NO_UTF8, b"\xc1", frames.encode(worker_frames.WorkerLeaving())]
)
@pytest.mark.parametrize("is_known", [True, False])
async def test_a_frame_of_a_worker_that_is_none_closes_its_socket(frame: bytes, is_known: bool):
    if is_known and frame == frames.encode(worker_frames.WorkerLeaving()):
        return
    socket = link("/ws/worker/")
    assert (await socket.connect(timeout=SECONDS))[0]
    if is_known:
        await socket.send_to(bytes_data=frames.encode(worker_frames.WorkerHello("worker", "host", 1)))
    await socket.send_to(bytes_data=frame)

    assert await closed_with(socket) == BAD_MESSAGE


@pytest.mark.parametrize("frame", [HELLO, DEEP, NO_UTF8, b"\xc1"])
async def test_a_frame_of_an_executor_that_is_none_closes_its_socket(frame: bytes):
    socket = link("/ws/executor/")
    assert (await socket.connect(timeout=SECONDS))[0]
    await socket.send_to(bytes_data=frame)

    assert await closed_with(socket) == BAD_MESSAGE


@pytest.mark.parametrize("path", ["/ws/executor/", "/ws/worker/", "/ws/executors/"])
async def test_a_socket_that_says_nothing_is_closed(path: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("runs.sockets.frame_socket.HELLO_SECONDS", 0.05)
    socket = peer(path) if path == "/ws/executors/" else link(path)
    assert (await socket.connect(timeout=SECONDS))[0]

    assert await closed_with(socket) == NO_HELLO


async def test_no_more_sockets_are_open_than_there_may_be():
    opened = asyncio.Event()
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await opened.wait()

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    limited = PageSockets(application, most=2, public_url="http://a", allowed_hosts=["a"])
    scope = {"type": "websocket", "path": "/ws/executors/", "headers": [(b"origin", b"http://a")]}
    first = [asyncio.create_task(limited(scope, receive, send)) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(TimeoutError):  # a refused consumer waits for its disconnect
        await asyncio.wait_for(limited(scope, receive_once(), send), 0.5)
    assert [message["type"] for message in sent] == ["websocket.close"]

    opened.set()
    await asyncio.gather(*first)
    assert limited.open == 0


def receive_once() -> Any:
    """The receive of a client that connects and then waits."""
    came = iter([{"type": "websocket.connect"}])

    async def receive() -> dict[str, Any]:
        for message in came:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    return receive
