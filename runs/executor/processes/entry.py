"""The zygote of an executor whose actions have a flyte that does not fit it: in the Python of their environment, with that flyte
imported, it forks a process for each, which runs that flyte's own entry point.

`python start.py runs.executor.processes.entry FD [LIVENESS_FD…]`, as `child.py`. To the executor these are isolated actions as any
others, so they are aborted by the same laws.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from runs.executor.attempt.working_folder import WorkingFolder
from runs.executor.flyte import entry_point
from runs.executor.processes.action_process import Channel, exit_code_of, work_by
from runs.executor.processes.main_thread import MainThread
from runs.executor.processes.protocol import Start
from runs.executor.processes.zygote import Zygote


class EntryThread(MainThread):
    """The main thread of a process whose SDK has its loop in another one: a coroutine has a loop of its own here, too."""

    serves_coroutines = True
    _runner: asyncio.Runner | None = None

    async def run_coroutine(self, run: Callable[..., Awaitable[Any]], *args: Any, **options: Any) -> Any:
        """Run it here. What it leaves behind stays until `end_left_behind`, when its outputs are stored."""
        self._runner = asyncio.Runner()
        called = partial(self._runner.run, self.run_task(run)(*args, **options))  # type: ignore[arg-type]
        return await asyncio.wrap_future(self._call(called))

    async def end_left_behind(self) -> None:
        if self._runner is None or asyncio.get_running_loop() is self._loop:
            await super().end_left_behind()
        else:
            await asyncio.wrap_future(self._call(partial(self._runner.run, super().end_left_behind())))

    def cancel_again(self) -> None:
        """A function gets SIGTERM, as everywhere."""
        if self._runner is None:
            os.killpg(os.getpgrp(), signal.SIGTERM)
        else:
            super().cancel_again()


def run(start: Start, main: MainThread, channel: Channel, log: TextIO) -> int:
    assert isinstance(main, EntryThread)
    folder = WorkingFolder(Path(start.folder), Path(start.bundle))
    try:
        entry_point.run(start.args[1:], main, channel, log, folder, start.secrets)
    except SystemExit as left:
        return exit_code_of(left)
    except BaseException as problem:
        if not (main.was_cancelled and isinstance(problem, asyncio.CancelledError)):
            traceback.print_exc()
            entry_point.record(problem, start.args)
        return 1
    return 0


def work(start: Start, log_fd: int, channel_fd: int, stack_fd: int) -> int:
    """Run one action; returns the exit code."""
    return work_by(run, start, log_fd, channel_fd, stack_fd, EntryThread)


if __name__ == "__main__":
    for liveness_fd in map(int, sys.argv[2:]):
        os.set_inheritable(liveness_fd, False)
    entry_point.preload()
    Zygote(socket.socket(fileno=int(sys.argv[1])), work, lambda: None).serve()
