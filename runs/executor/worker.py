"""The worker: starts executors where the server asks for them, and tells when they end. Holds no action itself."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from runs.executor import alive, frames
from runs.executor.config import ExecutorConfig
from runs.executor.launchers import Launcher, Running
from runs.executor.link import BAD_TOKEN, FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS

LEAVING_SECONDS = 0.2
STOP_SECONDS = 3.0
KILL_SECONDS = 1.0  # between SIGKILL and the end of all that an executor has forked
CONNECT_SECONDS = 10.0
ORPHANS_SECONDS = 1.0  # how often it looks whether executors of a worker that is gone have ended


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
        self._launching: set[str] = set()
        self._one_at_a_time = asyncio.Lock()
        self._running: dict[str, Running] = {}
        self._stopping: dict[str, asyncio.TimerHandle] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._unsent: list[frames.Exited] = []
        self._told: set[str] = set()  # by this connection: executors that have ended
        self._socket: ClientConnection | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; then stop the executors in order. A second signal does not wait."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_or_hurry)
        connecting = asyncio.create_task(self._connect_again_and_again(), name="worker-link")
        stopping = asyncio.create_task(self._stop.wait(), name="worker-stop")
        looking = asyncio.create_task(self._tell_of_orphans(), name="orphans")
        try:
            await asyncio.wait({connecting, looking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            looking.cancel()
            await self._say_leaving()
            await self._stop_executors()
            connecting.cancel()
            await self._launcher.close()
        for work in (connecting, looking):
            if work.done() and not work.cancelled():
                work.result()

    def _stop_or_hurry(self) -> None:
        if self._stop.is_set():
            for running in self._running.values():
                running.kill()
        self._stop.set()

    async def _say_leaving(self) -> None:
        """Said again by the next hello, when this one does not get through."""
        if self._socket is not None:
            with suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(LEAVING_SECONDS):
                    await self._socket.send(frames.encode(frames.WorkerLeaving()))

    async def _stop_executors(self) -> None:
        # They tell the server themselves, over their own connections, what they had to interrupt.
        for executor, running in self._running.items():
            if executor not in self._stopping:
                running.stop()
        await self._until_none_is_left(STOP_SECONDS)
        for running in self._running.values():
            running.kill()
        await self._until_none_is_left(KILL_SECONDS)

    async def _until_none_is_left(self, seconds: float) -> None:
        """Those too that were about to start."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._watches:
                    await asyncio.wait(self._watches)

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
            running=[*self._launching, *self._running],
        )
        self._told.clear()
        await connection.send(frames.encode(hello))
        if self._stop.is_set():
            await connection.send(frames.encode(frames.WorkerLeaving()))
        while self._unsent:
            await connection.send(frames.encode(self._unsent[0]))
            self._told.add(self._unsent.pop(0).executor)

    async def _obey(self, message: frames.ToWorker) -> None:
        match message:
            case frames.Launch():
                await self._launch_soon(message)
            case frames.StopExecutor():
                self._stop_executor(message)
            case frames.ExitKnown():
                alive.forget(self._config.home, message.executor)

    def _stop_executor(self, asked: frames.StopExecutor) -> None:
        """End one that has to; asked again after a reconnect, it is not told twice: a second signal means hurry."""
        running = self._running.get(asked.executor)
        if running is None or asked.executor in self._stopping:
            return
        print(f"flyteui worker: stopping executor {asked.executor}: {asked.reason}", file=sys.stderr)
        running.stop()
        loop = asyncio.get_running_loop()
        self._stopping[asked.executor] = loop.call_later(asked.kill_after_seconds, running.kill)

    async def _launch_soon(self, launch: frames.Launch) -> None:
        if launch.executor in self._launching or launch.executor in self._running:
            return  # asked again after a reconnect
        if self._stop.is_set():
            await self._tell(frames.Exited(launch.executor, 0, "its worker is being stopped"))
            return
        self._launching.add(launch.executor)
        watch = asyncio.create_task(self._launch_and_watch(launch), name=f"executor-{launch.executor}")
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _launch_and_watch(self, launch: frames.Launch) -> None:
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
            async with self._one_at_a_time:
                running = await self._launcher.launch(config)
        except (OSError, ValueError) as problem:
            await self._tell(frames.Exited(launch.executor, 71, f"cannot start a process: {problem}"))
            return
        finally:
            self._launching.discard(launch.executor)
        self._running[launch.executor] = running
        if self._stop.is_set():
            running.stop()
        await self._watch(launch.executor, running)

    async def _watch(self, executor: str, running: Running) -> None:
        code = await running.ended()
        del self._running[executor]
        if (killing := self._stopping.pop(executor, None)) is not None:
            killing.cancel()
        if code:
            print(f"flyteui worker: executor {executor} ended with {code}", file=sys.stderr)
        await self._tell(frames.Exited(executor, code, describe_exit(code)))

    async def _tell_of_orphans(self) -> None:
        """Of executors that another worker had started here, and that have ended without it. That one, if it lives, is sooner."""
        before: set[str] = set()
        while True:
            dead = set(alive.find_dead(self._config.home))
            if self._socket is not None:
                for executor in sorted(dead & before - self._told - self._running.keys() - self._launching):
                    await self._tell(frames.Exited(executor, frames.UNSEEN, "its process is gone"))
            before = dead
            await asyncio.sleep(ORPHANS_SECONDS)

    async def _tell(self, exited: frames.Exited) -> None:
        try:
            if self._socket is not None:
                await self._socket.send(frames.encode(exited))
                self._told.add(exited.executor)
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
