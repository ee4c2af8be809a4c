"""Starts executor processes. An engine that places processes on other machines is another `Launcher`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Protocol

import msgspec

from runs.executor import ROOT
from runs.executor.environments import start
from runs.executor.environments.use import EnvironmentUnusable, InUse, take
from runs.executor.link.config import ExecutorConfig, encode_config
from runs.executor.processes.protocol import STACK_SIGNAL
from runs.executor.worker.environment import clean_environment
from runs.executor.worker.other_user import OtherUser
from runs.executor.worker.pythons import POOL_SECONDS, Zygotes
from runs.protocol import worker_frames

LAST_CHILD_SECONDS = 10.0  # for what an executor has forked to be killed, which its shims do at once
# These are read when a process starts or when it imports the SDK, so a zygote is too old for them.
READ_EARLY = ("PYTHON", "LD_", "FLYTE_", "FSSPEC_", "_F_", "_U_", "OBSTORE_")
MOST_POOLS = 8  # zygotes of pools that are kept
MOST_ENVIRONMENTS = 4  # beside the worker's own Python, that have zygotes
MOST_POOLS_THERE = 2  # of each of these
IN_ENVIRONMENT = "environment"  # an argument of a zygote: it is to ask whether its flyte fits
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
    """Forks executors on this machine from a zygote of their Python, of a pool that has run before from one with its modules imported."""

    def __init__(
        self, environment: Mapping[str, str] | None = None, umask: int = -1, user: OtherUser | None = None
    ) -> None:
        """umask: of the executors, and so of user code; -1 is the worker's. user: who they run as; None: the worker's."""
        self._umask = umask
        self._user = user
        self._own = dict(os.environ if environment is None else environment)
        self.on_slow: Callable[[str, str], None] = lambda *_: None
        self._zygotes = Zygotes(partial(self._start, None), MOST_POOLS, self._say_slow)
        self._environments: dict[str, Zygotes] = {}  # by folder; the one that was used last is the last
        self._waits: set[asyncio.Task[int]] = set()
        self._closing: set[asyncio.Future[None]] = set()

    def _say_slow(self, pool: str, reason: str) -> None:
        self.on_slow(pool, reason)

    async def prepare(self) -> None:
        """Start the zygote of the worker's own Python, if there is none."""
        await self._zygotes.prepare()

    async def get_ready(self, config: ExecutorConfig) -> None:
        if not fits_zygote(config.env):
            return
        with suppress(TimeoutError, EnvironmentUnusable):  # the launch itself raises the latter
            async with asyncio.timeout(READY_SECONDS):
                zygotes = await self._zygotes_of(config)
                while not zygotes.is_preloaded(config):  # noqa: ASYNC110 -- an executor says by a file which modules these are
                    await asyncio.sleep(READY_POLL_SECONDS)

    async def launch(self, config: ExecutorConfig) -> LocalRunning:
        zygotes = await self._zygotes_of(config)
        if zygotes.misfit:
            self.on_slow(config.pool, f"each action runs in a process of its own, because {zygotes.misfit}")
            config, zygotes = msgspec.structs.replace(config, entry_point=zygotes.misfit), self._zygotes
        alive, liveness_fd = os.pipe()
        try:
            if fits_zygote(config.env) or config.entry_point:
                pid, code = await zygotes.fork(config, liveness_fd)
                code.add_done_callback(lambda _: zygotes.preload(config))
            else:
                self.on_slow(config.pool, why_not_forked(config.env))
                pid, code = await self._spawn(config, liveness_fd, zygotes.environment)
        except (OSError, ValueError):  # ValueError: a variable that no process can have
            os.close(alive)
            raise
        finally:
            os.close(liveness_fd)
        return LocalRunning(pid, code, alive)

    async def close(self) -> None:
        theirs, self._environments = list(self._environments.values()), {}
        for zygotes in [*theirs, self._zygotes]:
            await zygotes.close()
        await asyncio.gather(*self._closing)

    # Environments.

    async def _zygotes_of(self, config: ExecutorConfig) -> Zygotes:
        """Those of the Python in which it is to run, with the first of them ready. Raises EnvironmentUnusable."""
        if not config.environment:
            return self._zygotes
        zygotes = self._find(config.environment)
        await zygotes.prepare()
        return zygotes

    def _find(self, folder: str) -> Zygotes:
        known = self._environments.pop(folder, None)
        try:
            now = take(folder)
        except EnvironmentUnusable:
            if known is not None:
                self._dismiss(known)
            raise
        now.touch()
        if known is not None and known.environment is not None and now.is_same(known.environment):
            now.release()
        else:
            if known is not None:
                self._dismiss(known)  # it was removed and built again
            self._make_room()
            known = Zygotes(partial(self._start, now), MOST_POOLS_THERE, self._say_slow, now)
            later = partial(self._close_when_unused, folder, known, launches=0)
            asyncio.get_running_loop().call_later(POOL_SECONDS, later)
        known.launches += 1
        self._environments[folder] = known
        return known

    def _make_room(self) -> None:
        idle = [folder for folder, zygotes in self._environments.items() if zygotes.is_idle()]
        if len(self._environments) >= MOST_ENVIRONMENTS and idle:
            self._dismiss(self._environments.pop(idle[0]))

    def _close_when_unused(self, folder: str, zygotes: Zygotes, *, launches: int) -> None:
        """Look now and then whether it was used since."""
        if self._environments.get(folder) is not zygotes:
            return
        if zygotes.launches == launches and zygotes.is_idle():
            self._dismiss(self._environments.pop(folder))
            return
        later = partial(self._close_when_unused, folder, zygotes, launches=zygotes.launches)
        asyncio.get_running_loop().call_later(POOL_SECONDS, later)

    def _dismiss(self, zygotes: Zygotes) -> None:
        closing = asyncio.ensure_future(zygotes.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    # Processes.

    async def _spawn(
        self, config: ExecutorConfig, liveness_fd: int, environment: InUse | None
    ) -> tuple[int, asyncio.Future[int]]:
        """Start an executor whose variables are read when it imports the SDK, or before."""
        process = await self._start(environment, str(liveness_fd), liveness_fd, env=config.env, stdin=PIPE)
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
        self, environment: InUse | None, what: str, fd: int, *, env: Mapping[str, str], stdin: int
    ) -> asyncio.subprocess.Process:
        arguments = [what] if what.isdecimal() else [what, str(fd)]
        python, variables = (
            sys.executable,
            clean_environment(self._own, self._user.variables if self._user else {}),
        )
        if environment is not None:
            python, variables = str(environment.python), environment.variables(variables)
            arguments += [IN_ENVIRONMENT] if not what.isdecimal() else []
        return await asyncio.create_subprocess_exec(
            *start.command(python, "runs.executor", *arguments), stdin=stdin, stdout=sys.stderr, cwd=ROOT,
            env={**variables, **env}, start_new_session=True, pass_fds=[fd], umask=self._umask,
            **(self._user.process_options if self._user else {}),
        )  # fmt: skip


def fits_zygote(user: Mapping[str, str]) -> bool:
    return not why_not_forked(user)


def why_not_forked(user: Mapping[str, str], platform: str = sys.platform) -> str:
    """Why an executor with these variables is started anew; "" when it is forked."""
    if platform == "darwin":
        return "libraries of macOS may start threads when they are imported, which do not survive a fork"
    early = early_variables(user)
    return f"{', '.join(early)} counts when a process starts" if early else ""


def early_variables(user: Mapping[str, str]) -> list[str]:
    return [name for name in user if name.startswith(READ_EARLY) and name not in READ_LATE]
