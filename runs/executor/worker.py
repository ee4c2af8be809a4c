"""The worker: starts executors where the server asks for them, and tells when they end. Holds no action itself."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from runs.executor import frames
from runs.executor.config import ExecutorConfig
from runs.executor.launchers import Launcher, Running
from runs.executor.link import BAD_TOKEN, FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS

STOP_SECONDS = 3.0
CONNECT_SECONDS = 10.0


class BadToken(Exception):
    """The server does not know this worker's token."""


@dataclass(frozen=True)
class WorkerConfig:
    """base_url: ws://host:port. endpoint: where user code reaches the server. home: a folder for bundles."""

    base_url: str
    endpoint: str
    token: str
    home: str
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")


class Worker:
    """Executors of one machine."""

    def __init__(self, config: WorkerConfig, launcher: Launcher) -> None:
        self._config = config
        self._launcher = launcher
        self._running: dict[str, Running] = {}
        self._stopping: dict[str, asyncio.TimerHandle] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._unsent: list[frames.Exited] = []
        self._socket: ClientConnection | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; then stop the executors in order. A second signal does not wait."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_or_hurry)
        connecting = asyncio.create_task(self._connect_again_and_again(), name="worker-link")
        stopping = asyncio.create_task(self._stop.wait(), name="worker-stop")
        try:
            await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await self._stop_executors()
            connecting.cancel()
            await self._launcher.close()
        if connecting.done() and not connecting.cancelled():
            connecting.result()

    def _stop_or_hurry(self) -> None:
        if self._stop.is_set():
            for running in self._running.values():
                running.kill()
        self._stop.set()

    async def _stop_executors(self) -> None:
        # They tell the server themselves, over their own connections, what they had to interrupt.
        for executor, running in self._running.items():
            if executor not in self._stopping:
                running.stop()
        if self._watches:
            _, late = await asyncio.wait(self._watches, timeout=STOP_SECONDS)
            for running in self._running.values():
                running.kill()
            if late:
                await asyncio.wait(late, timeout=1.0)

    async def _connect_again_and_again(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                async with connect(
                    f"{self._config.base_url}/ws/worker/",
                    compression=None, proxy=None, open_timeout=CONNECT_SECONDS,
                ) as self._socket:  # fmt: skip
                    await self._say_hello(self._socket)
                    backoff = FIRST_BACKOFF_SECONDS
                    while True:
                        frame = await self._socket.recv(decode=False)
                        await self._obey(frames.decode_to_worker(frame))
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code == BAD_TOKEN:
                    raise BadToken(closed.rcvd.reason) from closed
            except (OSError, TimeoutError, WebSocketException):
                pass
            finally:
                self._socket = None
            await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311 -- spreads reconnects, keeps no secret
            backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)

    async def _say_hello(self, connection: ClientConnection) -> None:
        hello = frames.WorkerHello(
            token=self._config.token,
            name=self._config.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            running=list(self._running),
        )
        await connection.send(frames.encode(hello))
        while self._unsent:
            await connection.send(frames.encode(self._unsent[0]))
            self._unsent.pop(0)

    async def _obey(self, message: frames.ToWorker) -> None:
        match message:
            case frames.Launch():
                await self._launch(message)
            case frames.StopExecutor():
                self._stop_executor(message)

    def _stop_executor(self, asked: frames.StopExecutor) -> None:
        """End one that has to; asked again after a reconnect, it is not told twice: a second signal means hurry."""
        running = self._running.get(asked.executor)
        if running is None or asked.executor in self._stopping:
            return
        print(f"flyteui worker: stopping executor {asked.executor}: {asked.reason}", file=sys.stderr)
        running.stop()
        loop = asyncio.get_running_loop()
        self._stopping[asked.executor] = loop.call_later(asked.kill_after_seconds, running.kill)

    async def _launch(self, launch: frames.Launch) -> None:
        if launch.executor in self._running:
            return  # asked again after a reconnect
        config = ExecutorConfig(
            url=f"{self._config.base_url}/ws/executor/",
            endpoint=self._config.endpoint,
            token=self._config.token,
            executor=launch.executor,
            pool=launch.pool,
            bundle_uri=launch.bundle_uri,
            home=self._config.home,
            capacity=launch.capacity,
            idle_seconds=launch.idle_seconds,
            env=launch.env,
        )
        try:
            running = await self._launcher.launch(config)
        except OSError as problem:
            await self._tell(frames.Exited(launch.executor, 71, f"cannot start a process: {problem}"))
            return
        self._running[launch.executor] = running
        watch = asyncio.create_task(self._watch(launch.executor, running), name=f"executor-{launch.executor}")
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _watch(self, executor: str, running: Running) -> None:
        code = await running.ended()
        del self._running[executor]
        if (killing := self._stopping.pop(executor, None)) is not None:
            killing.cancel()
        if code:
            print(f"flyteui worker: executor {executor} ended with {code}", file=sys.stderr)
        await self._tell(frames.Exited(executor, code, describe_exit(code)))

    async def _tell(self, exited: frames.Exited) -> None:
        try:
            if self._socket is not None:
                await self._socket.send(frames.encode(exited))
                return
        except ConnectionClosed:
            pass
        self._unsent.append(exited)


def describe_exit(code: int) -> str:
    """What an exit code says, for people; empty for an ordinary end."""
    if code == frames.STOPPED:
        return "it was stopped while code on its event loop did not let itself be interrupted"
    if code >= 0:
        return f"exit code {code}" if code else ""
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
