"""The other end of a socket of an executor or a worker, and the server's housekeeper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings

from runs.live.housekeeping import Housekeeper
from runs.protocol import frames, worker_frames
from runs.sockets.executors import ExecutorConsumer
from runs.sockets.workers import WorkerConsumer
from tests.support.scene import Scene

SECONDS = 20


@pytest.fixture(autouse=True)
def nothing_in_reserve(settings) -> None:
    """A worker is asked for what a test is about, and for nothing beside it."""
    settings.KEEP_RESERVE = False


class Peer(WebsocketCommunicator):
    """The other end of the socket."""

    def __init__(self, consumer: type[ExecutorConsumer | WorkerConsumer], token: str = "") -> None:
        header = f"Bearer {token or settings.EXECUTOR_TOKEN}".encode()
        super().__init__(consumer.as_asgi(), "/", headers=[(b"authorization", header)])

    async def say(self, frame: object) -> None:
        await self.send_to(bytes_data=frames.encode(frame))

    async def hear(self, kind: type, decode=frames.decode_to_executor):
        """The next frame of this kind; other frames are passed over."""
        while True:
            frame = decode(await self.receive_from(timeout=SECONDS))
            if isinstance(frame, kind):
                return frame

    async def closed_with(self) -> int:
        output = await self.receive_output(timeout=SECONDS)
        assert output["type"] == "websocket.close"
        return output["code"]


async def open_executor(scene: Scene) -> Peer:
    """Connect the scene's executor over a socket, and return when it is welcomed."""
    peer = Peer(ExecutorConsumer)
    await peer.connect(timeout=SECONDS)
    hello = scene.hello(scene.executor_id, scene.epoch)
    await peer.say(hello)
    scene.epoch = (await peer.hear(frames.Welcome)).epoch
    return peer


@pytest.fixture
async def scene() -> Scene:
    return await sync_to_async(Scene)()


async def open_worker(name: str = "worker-1", *running: str) -> Peer:
    worker = Peer(WorkerConsumer)
    await worker.connect(timeout=SECONDS)
    await worker.say(worker_frames.WorkerHello(name, "host", 1, list(running)))
    return worker


@asynccontextmanager
async def keeping_house() -> AsyncIterator[None]:
    task = asyncio.create_task(Housekeeper().run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
