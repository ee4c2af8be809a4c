"""The child process of an isolated action: runs the SDK's entry point in a copy of the zygote.

`python -m runs.executor.processes.child FD [LIVENESS_FD…]` starts a zygote that serves on this socket, for an executor whose
first one was killed. It and all that it forks keep the other descriptors open; programs that they start do not inherit them.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TextIO

from runs.executor.attempt.working_folder import WorkingFolder
from runs.executor.flyte import child_controller, failures
from runs.executor.processes.action_process import Channel, exit_code_of, work_by
from runs.executor.processes.main_thread import MainThread
from runs.executor.processes.protocol import Start
from runs.executor.processes.zygote import Zygote


def work(start: Start, log_fd: int, channel_fd: int, stack_fd: int) -> int:
    """Run one action; returns the exit code."""
    return work_by(run, start, log_fd, channel_fd, stack_fd)


def run(start: Start, main: MainThread, channel: Channel, log: TextIO) -> int:
    child_controller.put_in_main_thread(main, is_function=start.is_function)
    child_controller.put_in_folder(WorkingFolder(Path(start.folder), Path(start.bundle)))
    try:
        child_controller.run_entry_point(start.args[1:], main, channel, log, start.secrets)
    except SystemExit as left:
        if not start.is_function:
            record_if_missing(left, start.args)
            return 1
        return exit_code_of(left)
    except BaseException as problem:
        if not (main.was_cancelled and isinstance(problem, asyncio.CancelledError)):
            traceback.print_exc()
            record_if_missing(problem, start.args)
        return 1
    return 0


def record_if_missing(problem: BaseException, args: list[str]) -> None:
    """Write the error file for what the SDK's entry point raised without recording it, such as inputs that cannot be read."""
    with suppress(Exception):
        uri = args[args.index("--outputs-path") + 1]
        failure = asyncio.run(failures.read_failure(uri))
        if failure is not None and failure.code == failures.NO_OUTPUTS:
            asyncio.run(failures.record_failure(problem, uri))


def serve(control: socket.socket, at_end: Callable[[], None] = lambda: None) -> NoReturn:
    Zygote(control, work, at_end).serve()


def fork_zygote(at_end: Callable[[], None]) -> tuple[int, socket.socket]:
    """Fork the zygote while this process is still small; returns its number and the executor's end of the socket.

    at_end: what it does when this process has ended.
    """
    ours, theirs = socket.socketpair()
    child_controller.end_background_loop()
    if pid := os.fork():
        theirs.close()
        child_controller.begin_background_loop()
        return pid, ours
    try:
        ours.close()
        serve(theirs, at_end)
    finally:
        os._exit(70)


if __name__ == "__main__":
    for liveness_fd in map(int, sys.argv[2:]):
        os.set_inheritable(liveness_fd, False)
    child_controller.end_background_loop()
    serve(socket.socket(fileno=int(sys.argv[1])))
