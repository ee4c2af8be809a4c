"""The process of one isolated action, whichever way its code is run there: its channel to the executor, its main thread, its end.

It imports nothing of the SDK, so that it works beside any version.
"""

from __future__ import annotations

import asyncio
import atexit
import faulthandler
import json
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import NoReturn, TextIO

from runs.executor.attempt.descriptors import open_text
from runs.executor.attempt.environ import hide_own_packages
from runs.executor.attempt.stacks import MAX_STACK
from runs.executor.processes import pipes
from runs.executor.processes.left_behind import LeftBehind
from runs.executor.processes.loop_watch import watch_loop
from runs.executor.processes.main_thread import MainThread
from runs.executor.processes.protocol import STACK_SIGNAL, Start


class Channel:
    """The child's end of the socket to its executor: releases and acquires the slot, receives an abort.

    stack_fd: where the stacks of asyncio tasks are written.
    """

    def __init__(self, fd: int, stack_fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._stack_fd = stack_fd
        self._lock = threading.Lock()
        self._waits = 0
        self._grants = threading.Semaphore(0)
        self._is_cancelled = False

    def start(self, main: MainThread) -> None:
        threading.Thread(target=self._receive, args=(main,), name="flyteui-channel", daemon=True).start()

    def _receive(self, main: MainThread) -> None:
        with suppress(OSError), self._socket.makefile("rb") as lines:
            for line in lines:
                match line:
                    case pipes.GRANT:
                        self._grants.release()
                    case pipes.AGAIN:
                        main.cancel_again()
                    case pipes.STACKS:
                        main.call_with_stack(self._write_stack)
                    case _:
                        # It is to end, and needs no slot for that.
                        self._is_cancelled = True
                        self._grants.release()
                        main.cancel(json.loads(line))

    def _write_stack(self, text: str) -> None:
        os.write(self._stack_fd, (pipes.TASKS + text).encode("utf-8", "backslashreplace"))

    def report_delivery(self) -> None:
        """Report that the code gets its CancelledError. Takes no lock, because a signal handler calls it."""
        with suppress(OSError):
            self._socket.send(pipes.DELIVERED, socket.MSG_DONTWAIT)

    def report_block(self, nanoseconds: int) -> None:
        """Report that the code has kept its event loop for so long."""
        with suppress(OSError):
            self._socket.send(pipes.BLOCKED + b"%d;" % (nanoseconds // 1_000_000), socket.MSG_DONTWAIT)

    def report_goes_on(self, what: str, stack: str) -> None:
        """Report what this process waits for although the code has ended."""
        self._report(pipes.GOES_ON, [what, stack[-MAX_STACK:]])

    def report_left_behind(self, names: str) -> None:
        """Report what the code had started and was ended with it."""
        self._report(pipes.LEFT_BEHIND, names)

    def _report(self, kind: bytes, what: object) -> None:
        with suppress(OSError):
            self._socket.send(kind + pipes.encode(what), socket.MSG_DONTWAIT)

    @asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        self._count(+1)
        try:
            yield
        finally:
            if self._count(-1) and not self._is_cancelled:
                await asyncio.to_thread(self._grants.acquire)

    def _count(self, change: int) -> bool:
        """Count the coroutines that wait in this process; True when the caller must wait for a GRANT to go on."""
        with self._lock, suppress(OSError):  # the executor has ended, and this process is about to
            self._waits += change
            if change > 0 and self._waits == 1:
                self._socket.sendall(pipes.RELEASE)
            elif self._waits == 0:
                self._socket.sendall(pipes.ACQUIRE)
                return True
        return False


# Runs the action's code; returns the exit code.
Run = Callable[[Start, MainThread, Channel, TextIO], int]


def work_by(
    run: Run,
    start: Start,
    log_fd: int,
    channel_fd: int,
    stack_fd: int,
    main_thread: type[MainThread] = MainThread,
) -> int:
    """Run one action in this process, by this function; returns the exit code."""
    # New ones, because those of the executor know what its descriptors were: files, not pipes.
    sys.stdout, sys.stderr = open_text(1), open_text(2)
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]
    # Writes to stderr where a segmentation fault was. Of that thread only: walking the frames of threads that go on running
    # may fault too, and the process would end with another signal than the one that killed it.
    faulthandler.enable(all_threads=False)
    # Writes the main thread's stack without running Python: it may be in native code that holds the interpreter's lock.
    faulthandler.register(STACK_SIGNAL, stack_fd, all_threads=False)
    channel = Channel(channel_fd, stack_fd)
    left = LeftBehind(start.grace_seconds, show=channel.report_goes_on, conclude=channel.report_left_behind)
    main = main_thread(channel.report_delivery, leave, left.end, start.grace_seconds)
    main.listen()
    is_served = start.is_function or main.serves_coroutines
    if not is_served:
        watch_loop(main, channel.report_block)
    hide_own_packages()
    sys.argv = list(start.args)
    entry_point = partial(run, start, main, channel, open_text(log_fd))
    try:
        channel.start(main)
        code = main.serve(entry_point) if is_served else entry_point()
    except asyncio.CancelledError:
        code = 1
    main.close()
    is_clear = not left.find() or asyncio.run(left.end())
    end_interpreter(is_patient=is_clear)
    return code


def exit_code_of(left: SystemExit) -> int:
    """What Python makes of it when a program is left so; a message goes to stderr."""
    if left.code is None or isinstance(left.code, int):
        return (left.code or 0) & 0xFF
    print(left.code, file=sys.stderr)
    return 1


def leave(code: int) -> NoReturn:
    end_interpreter(is_patient=False)
    os._exit(code)


def end_interpreter(*, is_patient: bool) -> None:
    """Do what Python does at its end and `os._exit` does not. is_patient: with what waits for threads and processes."""
    if is_patient:
        with suppress(Exception):
            threading._shutdown()  # type: ignore[attr-defined]
    elif (workers := sys.modules.get("multiprocessing.util")) is not None:
        atexit.unregister(vars(workers)["_exit_function"])
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
