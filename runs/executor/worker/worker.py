"""The worker: starts and stops executors as the server requests, and reports their exits. It runs no action itself."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import sys
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from runs.domain.names import BUILDER_POOL
from runs.executor.attempt import secrets
from runs.executor.attempt.working_folder import WorkingFolders
from runs.executor.environments.layout import ENVIRONMENTS, environment_folder
from runs.executor.environments.shelf import Shelf
from runs.executor.environments.use import EnvironmentUnusable
from runs.executor.link.client import FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS
from runs.executor.link.config import ExecutorConfig, authorization
from runs.executor.worker import locks
from runs.executor.worker.crashes import find_culprit
from runs.executor.worker.environment import builder_variables
from runs.executor.worker.launchers import Launcher, Running
from runs.executor.worker.silences import Silences
from runs.protocol import frames, worker_frames
from runs.protocol.pinning import socket_options

LEAVING_SECONDS = 0.2
STOP_SECONDS = 3.0
KILL_SECONDS = 1.0  # between SIGKILL and the end of all that an executor has forked
CONNECT_SECONDS = 10.0
ENVIRONMENTS_SECONDS = 5.0  # between two looks at the environments on the disk
ORPHANS_SECONDS = 1.0  # between two checks for executors of other workers that have ended


class BadToken(Exception):
    """The server does not know this worker's token."""


@dataclass(frozen=True)
class WorkerConfig:
    """base_url: ws://host:port. endpoint: where user code reaches the server. home: a folder for bundles.

    environments: the folder of the Python environments. keep_unused_seconds: how long one stays that is not used; None: for
    ever. tls_cert: the file by which the server is known at base_url; "": by its name, as usual. is_other_user: whether executors
    run as somebody else.
    """

    base_url: str
    endpoint: str
    token: str
    home: str
    environments: str = ""
    keep_unused_seconds: float | None = None
    tls_cert: str = ""
    is_other_user: bool = False
    name: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")


class Worker:
    """Executors of one machine."""

    def __init__(self, config: WorkerConfig, launcher: Launcher) -> None:
        self._config = config
        self._launcher = launcher
        self._launching: set[str] = set()
        self._one_at_a_time: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # in each environment
        self._running: dict[str, Running] = {}
        self._silences = Silences(config.home, self._running, self._report_silence)
        self._stopping: dict[str, asyncio.TimerHandle] = {}
        self._watches: set[asyncio.Task[None]] = set()
        self._unsent: list[worker_frames.Exited] = []
        self._shelf = Shelf(config.environments, config.keep_unused_seconds)
        self._stored: list[worker_frames.StoredEnvironment] = []
        self._slow: dict[str, str] = {}  # why executors of a pool start slower
        launcher.on_slow = self._note_slow
        self._reported: set[str] = set()  # executors whose exit was sent over this connection
        self._socket: ClientConnection | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT; then stop the executors in order. A second signal does not wait."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_or_kill)
        connecting = asyncio.create_task(self._keep_connected(), name="worker-link")
        stopping = asyncio.create_task(self._stop.wait(), name="worker-stop")
        orphans = asyncio.create_task(self._report_orphans(), name="orphans")
        silences = asyncio.create_task(self._silences.run(), name="silences")
        shelf = asyncio.create_task(self._keep_environments(), name="environments")
        try:
            await asyncio.wait(
                {connecting, orphans, silences, shelf, stopping}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (stopping, orphans, silences, shelf):
                task.cancel()
            await self._announce_leaving()
            await self._stop_executors()
            connecting.cancel()
            await self._launcher.close()
        for work in (connecting, orphans, silences, shelf):
            if work.done() and not work.cancelled():
                work.result()

    def _stop_or_kill(self) -> None:
        if self._stop.is_set():
            for running in self._running.values():
                running.kill()
        self._stop.set()

    async def _announce_leaving(self) -> None:
        """Sent again after the next hello, if this one does not get through."""
        if self._socket is not None:
            with suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(LEAVING_SECONDS):
                    await self._socket.send(frames.encode(worker_frames.WorkerLeaving()))

    async def _stop_executors(self) -> None:
        # Executors report what they had to interrupt themselves, over their own connections.
        for executor, running in self._running.items():
            if executor not in self._stopping:
                running.stop()
        await self._wait_until_all_ended(STOP_SECONDS)
        for running in self._running.values():
            running.kill()
        await self._wait_until_all_ended(KILL_SECONDS)

    async def _wait_until_all_ended(self, seconds: float) -> None:
        """Wait for those that are being started, too."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._watches:
                    await asyncio.wait(self._watches)

    async def _keep_connected(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                async with connect(
                    f"{self._config.base_url}/ws/worker/", additional_headers=authorization(self._config.token),
                    compression=None, proxy=None, open_timeout=CONNECT_SECONDS,
                    **socket_options(self._config.tls_cert),
                ) as self._socket:  # fmt: skip
                    await self._send_hello(self._socket)
                    backoff = FIRST_BACKOFF_SECONDS
                    while True:
                        frame = await self._socket.recv(decode=False)
                        await self._handle(worker_frames.decode_to_worker(frame))
            except InvalidStatus as refusal:
                if refusal.response.status_code == HTTPStatus.FORBIDDEN:
                    raise BadToken("the server does not know this token") from refusal
            except (OSError, TimeoutError, WebSocketException):
                pass
            finally:
                self._socket = None
            await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311 -- spreads reconnects, keeps no secret
            backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)

    async def _send_hello(self, connection: ClientConnection) -> None:
        hello = worker_frames.WorkerHello(
            name=self._config.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            running=[*self._launching, *self._running],
        )
        self._reported.clear()
        self._silences.report_again()
        await connection.send(frames.encode(hello))
        for pool, reason in list(self._slow.items()):
            await connection.send(frames.encode(worker_frames.SlowPool(pool, reason)))
        await connection.send(frames.encode(worker_frames.Environments(self._stored)))
        if self._stop.is_set():
            await connection.send(frames.encode(worker_frames.WorkerLeaving()))
        while self._unsent:
            await connection.send(frames.encode(self._unsent[0]))
            self._reported.add(self._unsent.pop(0).executor)

    async def _handle(self, message: worker_frames.ToWorker) -> None:
        match message:
            case worker_frames.Launch():
                await self._start_launch(message)
            case worker_frames.StopExecutor():
                self._stop_executor(message)
            case worker_frames.ExitKnown():
                locks.remove(self._config.home, message.executor)
                left = WorkingFolders.root_of(self._config.home, message.executor)
                await asyncio.to_thread(shutil.rmtree, left, ignore_errors=True)
                await asyncio.to_thread(secrets.remove_all, self._config.home, message.executor)

    def _stop_executor(self, asked: worker_frames.StopExecutor) -> None:
        """Stop an executor. Idempotent, as the server repeats the request after a reconnect: a second SIGTERM would mean a kill."""
        running = self._running.get(asked.executor)
        if running is None or asked.executor in self._stopping:
            return
        print(f"flyteui worker: stopping executor {asked.executor}: {asked.reason}", file=sys.stderr)
        running.stop()
        loop = asyncio.get_running_loop()
        # What cannot react is not waited for.
        seconds = 0.0 if self._silences.holds(asked.executor) else asked.kill_after_seconds
        self._stopping[asked.executor] = loop.call_later(seconds, running.kill)

    async def _start_launch(self, launch: worker_frames.Launch) -> None:
        if launch.executor in self._launching or launch.executor in self._running:
            return  # the server repeats its requests after a reconnect
        if self._stop.is_set():
            await self._report(
                worker_frames.Exited(launch.executor, frames.LEFT, "its worker is being stopped")
            )
            return
        self._launching.add(launch.executor)
        watch = asyncio.create_task(self._launch_and_watch(launch), name=f"executor-{launch.executor}")
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _launch_and_watch(self, launch: worker_frames.Launch) -> None:
        try:
            config = self._config_of(launch)
            if config.is_reserve and not await self._get_ready(config):
                await self._report(worker_frames.Exited(launch.executor, 0, "its worker is being stopped"))
                return
            async with self._one_at_a_time[config.environment]:
                running = await self._launcher.launch(config)
        except EnvironmentUnusable as problem:
            await self._report(worker_frames.Exited(launch.executor, worker_frames.UNUSABLE, str(problem)))
            return
        except (OSError, ValueError) as problem:
            why = f"cannot start a process: {problem}"
            await self._report(worker_frames.Exited(launch.executor, worker_frames.CANNOT_START, why))
            return
        finally:
            self._launching.discard(launch.executor)
        self._running[launch.executor] = running
        if self._stop.is_set():
            running.stop()
        await self._watch(launch.executor, running)

    def _config_of(self, launch: worker_frames.Launch) -> ExecutorConfig:
        environment = launch.environment and str(
            environment_folder(Path(self._config.environments), launch.environment)
        )
        return ExecutorConfig(
            url=f"{self._config.base_url}/ws/executor/",
            endpoint=self._config.endpoint,
            token=launch.token,
            executor=launch.executor,
            pool=launch.pool,
            bundle_uri=launch.bundle_uri,
            home=self._config.home,
            capacity=launch.capacity,
            processes=launch.processes,
            idle_seconds=launch.idle_seconds,
            env=self._variables_of(launch),
            is_reserve=launch.is_reserve,
            storage_url=launch.storage_url,
            environment=environment,
            tls_cert=self._config.tls_cert,
        )

    def _variables_of(self, launch: worker_frames.Launch) -> dict[str, str]:
        """Those of the pool; the builder of images gets what it needs of ours."""
        if launch.pool != BUILDER_POOL:
            return launch.env
        ours = builder_variables(os.environ, is_other_user=self._config.is_other_user)
        return ours | {ENVIRONMENTS: self._config.environments}

    async def _get_ready(self, config: ExecutorConfig) -> bool:
        """Wait until the launcher can start it quickly; False when this worker stops before."""
        ready = asyncio.create_task(self._launcher.get_ready(config))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({ready, stopping}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        stopping.cancel()
        return not self._stop.is_set()

    async def _watch(self, executor: str, running: Running) -> None:
        code = await running.ended()
        del self._running[executor]
        was_asked = self._stop.is_set()
        if (killing := self._stopping.pop(executor, None)) is not None:
            killing.cancel()
            was_asked = True
        if code != frames.LEFT:
            print(f"flyteui worker: executor {executor} ended with {code}", file=sys.stderr)
        culprit = find_culprit(self._config.home, executor, code) if code < 0 or not was_asked else None
        await self._report(worker_frames.Exited(executor, code, describe_exit(code), culprit))

    async def _report_orphans(self) -> None:
        """Report executors that another worker of this machine has started, and that have ended without it.

        They are reported one check later than they are found, so that their own worker, if it lives, reports first.
        """
        before: set[str] = set()
        while True:
            dead = set(locks.find_dead(self._config.home))
            if self._socket is not None:
                for executor in sorted(
                    dead & before - self._reported - self._running.keys() - self._launching
                ):
                    culprit = find_culprit(self._config.home, executor, worker_frames.UNSEEN)
                    await self._report(
                        worker_frames.Exited(executor, worker_frames.UNSEEN, "its process is gone", culprit)
                    )
            before = dead
            await asyncio.sleep(ORPHANS_SECONDS)

    async def _keep_environments(self) -> None:
        """Notice what is built, remove what is unused, and say what there is."""
        while True:
            stored = await asyncio.to_thread(self._shelf.look)
            if stored != self._stored:
                self._stored = stored
                if self._socket is not None:
                    await self._send_if_open(self._socket, worker_frames.Environments(stored))
            await asyncio.sleep(ENVIRONMENTS_SECONDS)

    def _note_slow(self, pool: str, reason: str) -> None:
        if self._slow.get(pool) == reason:
            return
        self._slow[pool] = reason
        print(f"flyteui worker: pool {pool[:12]} starts slower: {reason}", file=sys.stderr)
        if (socket := self._socket) is not None:
            sending = asyncio.create_task(self._send_if_open(socket, worker_frames.SlowPool(pool, reason)))
            self._watches.add(sending)
            sending.add_done_callback(self._watches.discard)

    @staticmethod
    async def _send_if_open(
        socket: ClientConnection, message: worker_frames.SlowPool | worker_frames.Environments
    ) -> None:
        with suppress(ConnectionClosed):  # the next connection begins with it
            await socket.send(frames.encode(message))

    async def _report_silence(self, silence: worker_frames.Silence) -> None:
        """Found anew after the next hello if it does not get through."""
        if self._socket is not None:
            with suppress(ConnectionClosed):
                await self._socket.send(frames.encode(silence))

    async def _report(self, exited: worker_frames.Exited) -> None:
        try:
            if self._socket is not None:
                await self._socket.send(frames.encode(exited))
                self._reported.add(exited.executor)
                return
        except ConnectionClosed:
            pass
        self._unsent.append(exited)


def describe_exit(code: int) -> str:
    """Describe an exit code to people."""
    if code == worker_frames.UNSEEN:
        return "its process is gone"
    if code == frames.LEFT:
        return "it has ended in order"
    if code == frames.STOPPED:
        return "it was stopped while code on its event loop did not let itself be interrupted"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
