"""How executor processes come into being. An engine that places processes on other machines is another Launcher."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from runs.executor.config import ExecutorConfig, encode_config
from runs.executor.environ import clean_environment

# Where `python -m runs.executor` finds this package, whether it is installed or a checkout.
ROOT = Path(__file__).resolve().parents[2]
LAST_CHILD_SECONDS = 10.0  # its zygote kills what it has forked, at once
# These are read when a process starts or when it imports the SDK, so a process in reserve is too old for them.
READ_EARLY = ("PYTHON", "LD_", "FLYTE_", "FSSPEC_", "_F_", "_U_", "OBSTORE_")
# The SDK's loggers are made anew when an action comes, from these.
READ_LATE = frozenset({"_F_SYS_PATH"})


class Running(Protocol):
    """An executor that was started."""

    async def ended(self) -> int:
        """Wait for its end and that of its child processes, which it may leave behind when it dies.

        Returns its exit code, or minus the number of the signal that killed it.
        """

    def stop(self) -> None:
        """Ask it to stop in order."""

    def kill(self) -> None:
        """End it at once, with its child processes."""


class Launcher(Protocol):
    """Starts executors somewhere."""

    async def launch(self, config: ExecutorConfig) -> Running: ...
    async def close(self) -> None:
        """Release what is kept in reserve. Executors that run are not touched."""


class Spawned(NamedTuple):
    """A process, and the reading end of the pipe that says when the last one of its kind has ended."""

    process: Process
    alive: int


class LocalRunning:
    """A process of this machine, in a session of its own: a Ctrl-C in the worker's terminal is the worker's alone."""

    def __init__(self, process: Process, alive: int) -> None:
        """alive: the reading end of a pipe that the process and all that it forks keep open."""
        self._process = process
        self._alive = alive

    async def ended(self) -> int:
        code = await self._process.wait()
        self.kill()
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._alive, gone.set)
        try:
            async with asyncio.timeout(LAST_CHILD_SECONDS):
                await gone.wait()
        except TimeoutError:  # one that has left its process group and was not found
            print(f"flyteui worker: children of process {self._process.pid} outlive it", file=sys.stderr)
        finally:
            loop.remove_reader(self._alive)
            os.close(self._alive)
        return code

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        # The session has its number even when its first process is gone already.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            self._process.send_signal(number)


class LocalLauncher:
    """Starts processes here. One more is kept in reserve, its imports done, so that a cold pool starts quickly."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._own = dict(os.environ if environment is None else environment)
        self._spare: Spawned | None = None
        self._refilling: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Start the process in reserve."""
        if self._spare is None or self._spare.process.returncode is not None:
            self._forget_spare()
            self._spare = await self._spawn({})

    async def launch(self, config: ExecutorConfig) -> LocalRunning:
        spare, self._spare = self._spare, None
        if not fits_spare(config.env):
            spawned = await self._spawn(config.env)
            self._spare = spare
        elif spare is not None and await self._configure(spare.process, config):
            self._refilling = asyncio.create_task(self.prepare(), name="spare-executor")
            return LocalRunning(*spare)
        else:
            if spare is not None:
                os.close(spare.alive)
            spawned = await self._spawn({})
            self._refilling = asyncio.create_task(self.prepare(), name="spare-executor")
        await self._configure(spawned.process, config)
        return LocalRunning(*spawned)

    async def close(self) -> None:
        if self._refilling is not None:
            await asyncio.wait([self._refilling])
        if self._spare is not None and self._spare.process.returncode is None:
            self._spare.process.kill()
            await self._spare.process.wait()
        self._forget_spare()

    def _forget_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare.alive)
            self._spare = None

    async def _spawn(self, user: Mapping[str, str]) -> Spawned:
        alive, kept = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "runs.executor", str(kept),
                stdin=PIPE, stdout=sys.stderr, cwd=ROOT, env=clean_environment(self._own, user),
                start_new_session=True, pass_fds=[kept],
            )  # fmt: skip
        except (OSError, ValueError):  # ValueError: a variable that no process can have
            os.close(alive)
            raise
        finally:
            os.close(kept)
        return Spawned(process, alive)

    @staticmethod
    async def _configure(process: Process, config: ExecutorConfig) -> bool:
        """Give the process its configuration; False when it has died in reserve."""
        assert process.stdin is not None
        try:
            process.stdin.write(encode_config(config) + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        except (BrokenPipeError, ConnectionResetError):
            return False
        return process.returncode is None


def fits_spare(user: Mapping[str, str]) -> bool:
    return not any(name.startswith(READ_EARLY) and name not in READ_LATE for name in user)
