"""Starts executor processes. An engine that places processes on other machines is another `Launcher`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from runs.executor import ROOT
from runs.executor.home import bundle_folder, list_modules
from runs.executor.link.config import ExecutorConfig, encode_config
from runs.executor.processes.protocol import STACK_SIGNAL
from runs.executor.worker.environment import clean_environment
from runs.executor.worker.forks import Preload
from runs.executor.worker.other_user import OtherUser
from runs.executor.worker.zygotes import ZygoteClient, ZygoteLost
from runs.protocol import worker_frames

LAST_CHILD_SECONDS = 10.0  # for what an executor has forked to be killed, which its shims do at once
# These are read when a process starts or when it imports the SDK, so a zygote is too old for them.
READ_EARLY = ("PYTHON", "LD_", "FLYTE_", "FSSPEC_", "_F_", "_U_", "OBSTORE_")
MOST_POOLS = 8  # zygotes of pools that are kept
POOL_SECONDS = 600.0  # and how long, when no run uses them
READY_SECONDS = 20.0  # how long a reserve waits for its modules to be known and imported
READY_POLL_SECONDS = 0.1
# The SDK makes its loggers anew for each action, from these.
READ_LATE = frozenset({"_F_SYS_PATH"})


class Running(Protocol):
    """An executor that was started."""

    async def ended(self) -> int:
        """Wait for its end and that of its child processes, which it may leave behind when it dies.

        Returns its exit code, or minus the number of the signal that killed it.
        """

    @property
    def pid(self) -> int:
        """Its number on this machine."""

    def ask_for_stack(self) -> None:
        """Have Python write the stack of its main thread into its record's file, whatever keeps Python's lock there."""

    def stop(self) -> None:
        """Have it stop in order."""

    def kill(self) -> None:
        """End it at once, with its child processes."""


class Launcher(Protocol):
    """Starts executors somewhere."""

    on_slow: Callable[[str, str], None]  # called with a pool whose executors start slower, and why

    async def get_ready(self, config: ExecutorConfig) -> None:
        """Wait until `launch` would be quick, where there is time for that."""

    async def launch(self, config: ExecutorConfig) -> Running: ...
    async def close(self) -> None:
        """Release what is kept in reserve. Executors that run are not touched."""


class LocalRunning:
    """A process of this machine, in a session of its own: a Ctrl-C in the worker's terminal is the worker's alone."""

    def __init__(self, pid: int, code: asyncio.Future[int], alive: int) -> None:
        """alive: the reading end of a pipe that the process and all that it forks keep open."""
        self._pid = pid
        self._code = code
        self._alive = alive

    async def ended(self) -> int:
        code = await self._code
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._alive, gone.set)
        try:
            if code == worker_frames.UNSEEN:  # its zygote was killed, and it may run on
                await gone.wait()
            self.kill()
            async with asyncio.timeout(LAST_CHILD_SECONDS):
                await gone.wait()
        except TimeoutError:  # a process has left its group and was not found
            print(f"flyteui worker: children of process {self._pid} outlive it", file=sys.stderr)
        finally:
            loop.remove_reader(self._alive)
            os.close(self._alive)
        return code

    @property
    def pid(self) -> int:
        return self._pid

    def ask_for_stack(self) -> None:
        self._send(STACK_SIGNAL)

    def stop(self) -> None:
        self._send(signal.SIGTERM)

    def _send(self, number: int) -> None:
        if not self._code.done() or self._code.result() == worker_frames.UNSEEN:
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def kill(self) -> None:
        # The session keeps its number when its first process has ended.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)


class LocalLauncher:
    """Forks executors on this machine from a zygote, of a pool that has run before from one with its modules imported."""

    def __init__(
        self, environment: Mapping[str, str] | None = None, umask: int = -1, user: OtherUser | None = None
    ) -> None:
        """umask: of the executors, and so of user code; -1 is the worker's. user: who they run as; None: the worker's."""
        self._umask = umask
        self._user = user
        self._own = dict(os.environ if environment is None else environment)
        self._zygote: ZygoteClient | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._pools: dict[str, ZygoteClient] = {}  # the one that was used last is the last
        self._unfit: dict[str, str] = {}
        self.on_slow: Callable[[str, str], None] = lambda *_: None
        self._waits: set[asyncio.Task[int]] = set()

    async def prepare(self) -> None:
        """Start the zygote, if there is none."""
        if self._zygote is not None and self._zygote.is_open:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await self._start("zygote", theirs.fileno(), env={}, stdin=DEVNULL)
        self._zygote = ZygoteClient(ours, lambda _: None)

    async def get_ready(self, config: ExecutorConfig) -> None:
        if not fits_zygote(config.env):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_SECONDS):
                while not self._is_preloaded(config):  # noqa: ASYNC110 -- an executor says by a file which modules these are
                    await asyncio.sleep(READY_POLL_SECONDS)

    def _is_preloaded(self, config: ExecutorConfig) -> bool:
        """Whether its pool has a zygote with the modules imported, or cannot have one."""
        self._preload(config)
        return config.pool in self._unfit or (
            config.pool in self._pools and self._pools[config.pool].is_ready
        )

    async def launch(self, config: ExecutorConfig) -> LocalRunning:
        alive, liveness_fd = os.pipe()
        try:
            if fits_zygote(config.env):
                pid, code = await self._fork(config, liveness_fd)
                code.add_done_callback(lambda _: self._preload(config))
            else:
                self.on_slow(
                    config.pool, f"{', '.join(early_variables(config.env))} counts when a process starts"
                )
                pid, code = await self._spawn(config, liveness_fd)
        except (OSError, ValueError):  # ValueError: a variable that no process can have
            os.close(alive)
            raise
        finally:
            os.close(liveness_fd)
        return LocalRunning(pid, code, alive)

    async def close(self) -> None:
        for zygote in [*self._pools.values(), self._zygote]:
            if zygote is not None:
                zygote.close()
        if self._process is not None:
            await self._process.wait()

    async def _fork(self, config: ExecutorConfig, liveness_fd: int) -> tuple[int, asyncio.Future[int]]:
        preloaded = self._pools.pop(config.pool, None)
        if preloaded is not None:
            self._pools[config.pool] = preloaded
            if preloaded.is_ready:
                with suppress(ZygoteLost):
                    return await preloaded.fork(config, liveness_fd)
        self._preload(config)
        await self.prepare()
        assert self._zygote is not None
        with suppress(ZygoteLost):
            return await self._zygote.fork(config, liveness_fd)
        await self.prepare()
        return await self._zygote.fork(config, liveness_fd)

    def _preload(self, config: ExecutorConfig) -> None:
        """Have the modules of this pool imported for its next run, if they are known."""
        home = Path(config.home)
        modules = list_modules(config.bundle_uri, home)
        if not modules or config.pool in {*self._pools, *self._unfit} or self._zygote is None:
            return
        if not self._zygote.is_open:
            return
        if len(self._pools) >= MOST_POOLS:
            oldest = next((zygote for zygote in self._pools.values() if zygote.is_idle()), None)
            if oldest is None:
                return
            oldest.close()
        folder = str(bundle_folder(config.bundle_uri, home))
        on_end = partial(self._pool_ended, config.pool)
        zygote = self._pools[config.pool] = self._zygote.preload(Preload(folder, config.env, modules), on_end)
        self._end_when_unused(zygote, forks=0)

    def _end_when_unused(self, zygote: ZygoteClient, *, forks: int) -> None:
        """Look now and then whether it has forked something since."""
        if zygote.forks == forks and zygote.is_idle() and zygote.is_ready:
            zygote.close()
        elif zygote.is_open:
            later = partial(self._end_when_unused, zygote, forks=zygote.forks)
            asyncio.get_running_loop().call_later(POOL_SECONDS, later)

    def _pool_ended(self, pool: str, reason: str) -> None:
        self._pools.pop(pool, None)
        if reason:
            self._unfit[pool] = reason
            self.on_slow(pool, reason)

    async def _spawn(self, config: ExecutorConfig, liveness_fd: int) -> tuple[int, asyncio.Future[int]]:
        """Start an executor whose variables are read when it imports the SDK, or before."""
        process = await self._start(str(liveness_fd), liveness_fd, env=config.env, stdin=PIPE)
        assert process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):  # it has ended, which its exit code says
            process.stdin.write(encode_config(config) + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        wait = asyncio.create_task(process.wait())
        self._waits.add(wait)
        wait.add_done_callback(self._waits.discard)
        return process.pid, wait

    async def _start(
        self, what: str, fd: int, *, env: Mapping[str, str], stdin: int
    ) -> asyncio.subprocess.Process:
        arguments = [what] if what.isdecimal() else [what, str(fd)]
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "runs.executor", *arguments, stdin=stdin, stdout=sys.stderr, cwd=ROOT,
            env=clean_environment(self._own, {**(self._user.variables if self._user else {}), **env}),
            start_new_session=True, pass_fds=[fd], umask=self._umask,
            **(self._user.process_options if self._user else {}),
        )  # fmt: skip


def fits_zygote(user: Mapping[str, str]) -> bool:
    return not early_variables(user)


def early_variables(user: Mapping[str, str]) -> list[str]:
    return [name for name in user if name.startswith(READ_EARLY) and name not in READ_LATE]
