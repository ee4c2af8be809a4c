"""Both sockets of a server, for a real worker and its real executors."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from websockets.asyncio.server import ServerConnection

from runs.executor.worker.environment import clean_environment
from runs.protocol import frames, worker_frames
from tests.support.nets import NET_SECONDS


class FakeControl:
    """Both sockets of the server: /ws/worker/ and /ws/executor/."""

    def __init__(self) -> None:
        self.tokens: list[str] = []  # of worker and executors, as they connect
        self.hellos: list[worker_frames.WorkerHello] = []
        self.executors: dict[str, frames.Hello] = {}
        self.exits: list[worker_frames.Exited] = []
        self.slow: list[tuple[str, str]] = []  # pools, and why their executors start slower
        self.silences: list[worker_frames.Silence] = []
        self.environments: list[list[worker_frames.StoredEnvironment]] = []
        self.knows_exits = True
        self.is_left = False
        self.late_launch = ""  # asked for when the worker says that it leaves
        self.worker: ServerConnection | None = None
        self.changed = asyncio.Condition()

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.tokens.append(socket.request.headers["Authorization"])
        try:
            if socket.request.path == "/ws/worker/":
                await self.serve_worker(socket)
            else:
                await self.serve_executor(socket)
        except OSError:
            pass

    async def serve_worker(self, socket: ServerConnection) -> None:
        self.worker = socket
        async for frame in socket:
            assert isinstance(frame, bytes)
            message = worker_frames.decode_from_worker(frame)
            async with self.changed:
                if isinstance(message, worker_frames.WorkerHello):
                    self.hellos.append(message)
                elif isinstance(message, worker_frames.WorkerLeaving):
                    self.is_left = True
                    if self.late_launch:
                        await self.ask_for(self.late_launch)
                elif isinstance(message, worker_frames.SlowPool):
                    self.slow.append((message.pool, message.reason))
                elif isinstance(message, worker_frames.Environments):
                    self.environments.append(message.stored)
                elif isinstance(message, worker_frames.Silence):
                    self.silences.append(message)
                else:
                    self.exits.append(message)
                    if self.knows_exits:
                        await socket.send(frames.encode(worker_frames.ExitKnown(message.executor)))
                self.changed.notify_all()

    async def serve_executor(self, socket: ServerConnection) -> None:
        hello = frames.decode_from_executor(await socket.recv(decode=False))
        assert isinstance(hello, frames.Hello)
        await socket.send(frames.encode(frames.Welcome(1, 0)))
        async with self.changed:
            self.executors[hello.executor] = hello
            self.changed.notify_all()
        await socket.wait_closed()

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(NET_SECONDS), self.changed:
            await self.changed.wait_for(holds)

    async def ask_for(self, name: str, bundle: str = "", **env: str) -> None:
        await self._send(
            worker_frames.Launch(name, "pool", bundle, env, 10, 4, 300.0, token=f"token-of-{name}")
        )

    async def ask_for_reserve(self, name: str, bundle: str = "") -> None:
        await self._send(
            worker_frames.Launch(
                name, "pool", bundle, {}, 10, 4, 300.0, is_reserve=True, token=f"token-of-{name}"
            )
        )

    async def _send(self, launch: worker_frames.Launch) -> None:
        assert self.worker is not None
        await self.worker.send(frames.encode(launch))

    async def launch(self, name: str, bundle: str = "", **env: str) -> frames.Hello:
        await self.ask_for(name, bundle, **env)
        await self.until(lambda: name in self.executors)
        return self.executors[name]


@asynccontextmanager
async def a_worker(control: tuple[FakeControl, str], home: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    known = len(control[0].hellos)
    env = {
        **clean_environment(os.environ, {}),
        "FLYTEUI_HOME": str(home),
        "FLYTEUI_EXECUTOR_TOKEN": "token-of-the-worker",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "manage.py", "worker", "--url", control[1],
        cwd=Path(__file__).resolve().parents[3], env=env,
    )  # fmt: skip
    await control[0].until(lambda: len(control[0].hellos) > known)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.wait(), NET_SECONDS)
