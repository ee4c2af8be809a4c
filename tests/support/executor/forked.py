"""Executors of benches, forked from one zygote of this process of pytest: importing the SDK for each takes 0.4 s of a processor."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import IO

from runs.executor.link.config import ExecutorConfig
from runs.executor.worker.environment import clean_environment
from runs.executor.worker.zygotes import ZygoteClient

END_SECONDS = 60.0


class ForkedExecutor:
    """An executor process; the methods are those of asyncio's processes."""

    def __init__(self, client: ZygoteClient, pid: int, code: asyncio.Future[int], alive: int) -> None:
        """alive: the reading end of a pipe that it and its children keep open."""
        self.pid = pid
        self._client = client
        self._code = code
        self._alive = alive
        self._seen = 0

    def stderr(self) -> str:
        """What it has written there since one looked last."""
        _, errors = zygote()
        said = os.pread(errors.fileno(), os.fstat(errors.fileno()).st_size - self._seen, self._seen)
        self._seen += len(said)
        return said.decode()

    @property
    def returncode(self) -> int | None:
        return self._code.result() if self._code.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self._code)

    def send_signal(self, number: int) -> None:
        """As asyncio's: nothing happens to a process that has ended, though its zygote has not told of it yet."""
        if not self._code.done():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def stop(self) -> None:
        """Kill it, give its zygote back, and show in the report of the test what it wrote."""
        self.kill()
        await asyncio.wait_for(self.wait(), END_SECONDS)
        self._client.close()
        os.close(self._alive)
        sys.stderr.write(self.stderr())


async def fork_executor(config: ExecutorConfig) -> ForkedExecutor:
    control, errors = zygote()
    errors.truncate(0)
    client = ZygoteClient(control.dup(), lambda reason: None)
    alive, theirs = os.pipe()
    try:
        pid, code = await client.fork(config, theirs)
    finally:
        os.close(theirs)
    return ForkedExecutor(client, pid, code, alive)


@functools.cache
def zygote() -> tuple[socket.socket, IO[bytes]]:
    """The socket to it, and the file that is stderr of all that it forks.

    One test after another has an executor, so that each end is reported to whoever waits for it.
    """
    ours, theirs = socket.socketpair()
    errors = tempfile.TemporaryFile("a+b", buffering=0)  # noqa: SIM115 -- it lives as long as this process
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "runs.executor", "zygote", str(theirs.fileno())],
            env=clean_environment(os.environ, {}), pass_fds=[theirs.fileno()], stderr=errors,
            start_new_session=True,
        )  # fmt: skip

    def end() -> None:
        ours.close()
        process.wait(END_SECONDS)

    atexit.register(end)
    return ours, errors
