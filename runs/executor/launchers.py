"""How executor processes come into being. An engine that places processes on other machines is another Launcher."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from runs.executor.config import ExecutorConfig, encode_config
from runs.executor.environ import clean_environment

# Where `python -m runs.executor` finds this package, whether it is installed or a checkout.
ROOT = Path(__file__).resolve().parents[2]
# These are read when a process starts or when it imports the SDK, so a process in reserve is too old for them.
READ_EARLY = ("PYTHON", "LD_", "FLYTE_", "FSSPEC_", "_F_", "_U_", "OBSTORE_")
# The SDK's loggers are made anew when an action comes, from these.
READ_LATE = frozenset({"_F_SYS_PATH"})


class Running(Protocol):
    """An executor that was started."""

    async def ended(self) -> int:
        """Wait for its end: the exit code, or minus the number of the signal that killed it."""

    def stop(self) -> None:
        """Ask it to stop in order."""

    def kill(self) -> None:
        """End it at once, with its child processes."""


class Launcher(Protocol):
    """Starts executors somewhere."""

    async def launch(self, config: ExecutorConfig) -> Running: ...
    async def close(self) -> None:
        """Release what is kept in reserve. Executors that run are not touched."""


class LocalRunning:
    """A process of this machine, in a session of its own: a Ctrl-C in the worker's terminal is the worker's alone."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def ended(self) -> int:
        return await self._process.wait()

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
        self._spare: Process | None = None
        self._refilling: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Start the process in reserve."""
        if self._spare is None or self._spare.returncode is not None:
            self._spare = await self._spawn({})

    async def launch(self, config: ExecutorConfig) -> LocalRunning:
        spare, self._spare = self._spare, None
        if not fits_spare(config.env):
            process = await self._spawn(config.env)
            self._spare = spare
        elif spare is not None and await self._configure(spare, config):
            self._refilling = asyncio.create_task(self.prepare(), name="spare-executor")
            return LocalRunning(spare)
        else:
            process = await self._spawn({})
            self._refilling = asyncio.create_task(self.prepare(), name="spare-executor")
        await self._configure(process, config)
        return LocalRunning(process)

    async def close(self) -> None:
        if self._refilling is not None:
            await asyncio.wait([self._refilling])
        if self._spare is not None and self._spare.returncode is None:
            self._spare.kill()
            await self._spare.wait()

    async def _spawn(self, user: Mapping[str, str]) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "runs.executor",
            stdin=PIPE,
            stdout=sys.stderr,
            cwd=ROOT,
            env=clean_environment(self._own, user),
            start_new_session=True,
        )

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
