"""The process of an action whose flyte does not fit our executor: that flyte's own entry point, in the Python of its environment.

`python start.py runs.executor.processes.entry START LOG CHANNEL STACKS`: descriptors of a file with the Start, and of what
`action_process.py` uses. To the executor it is an isolated action as any other, so it is aborted by the same laws.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TextIO

from runs.executor.attempt.working_folder import WorkingFolder
from runs.executor.environments.start import command
from runs.executor.flyte import entry_point
from runs.executor.processes.action_process import Channel, work_by
from runs.executor.processes.main_thread import MainThread
from runs.executor.processes.protocol import Start, decode_start, encode


def become_entry(start: Start, fds: Sequence[int]) -> NoReturn:
    """Become that process. fds: of log records, the channel and stacks."""
    with tempfile.TemporaryFile() as file:  # not an argument: others of the machine could read what is in it
        file.write(encode(start))
        file.flush()
        given = (file.fileno(), *fds)
        for fd in given:
            os.set_inheritable(fd, True)
        arguments = command(start.python, __name__, *map(str, given))
        os.execve(start.python, arguments, {**start.variables, **start.env})  # noqa: S606 -- no shell is wanted


class EntryThread(MainThread):
    """The main thread of a process whose SDK has its loop in another one: a coroutine has a loop of its own here, too."""

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
        entry_point.run(start.args[1:], main, channel, log, folder)
    except SystemExit as left:
        if left.code is None or isinstance(left.code, int):
            return (left.code or 0) & 0xFF
        print(left.code, file=sys.stderr)
        return 1
    except BaseException as problem:
        if not (main.was_cancelled and isinstance(problem, asyncio.CancelledError)):
            traceback.print_exc()
            entry_point.record(problem, start.args)
        return 1
    return 0


def main() -> NoReturn:
    start_fd, *fds = map(int, sys.argv[1:])
    for fd in fds:
        os.set_inheritable(fd, False)
    with os.fdopen(start_fd, "rb") as file:
        file.seek(0)
        start = decode_start(file.read())
    os._exit(work_by(run, start, *fds, main_thread=EntryThread))


if __name__ == "__main__":
    main()
