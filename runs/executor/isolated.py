"""The child process of an isolated action: runs the SDK's entry point, in a copy of the zygote.

`python -m runs.executor.isolated FD [KEPT…]` is a zygote that serves on this socket, for an executor that has lost its own.
It, and what it forks, keep the other descriptors open; programs that they start do not get them.
"""

from __future__ import annotations

import asyncio
import atexit
import faulthandler
import io
import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, NoReturn, TextIO

from runs.executor import failures, isolated_controller
from runs.executor.forks import STACK_SIGNAL, Start
from runs.executor.mainthread import MainThread
from runs.executor.modules import forget_ourselves
from runs.executor.pipes import ASK, GIVE, GRANT, TOLD
from runs.executor.zygote import Zygote


class Wire:
    """The child's end of the socket to its executor. It says when it waits, asks before it goes on, and hears of an abort."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._lock = threading.Lock()
        self._waits = 0
        self._grants = threading.Semaphore(0)

    def listen(self, cancel: Callable[[str], None]) -> None:
        threading.Thread(target=self._hear, args=(cancel,), name="flyteui-wire", daemon=True).start()

    def _hear(self, cancel: Callable[[str], None]) -> None:
        with suppress(OSError), self._socket.makefile("rb") as lines:
            for line in lines:
                if line == GRANT:
                    self._grants.release()
                else:
                    cancel(json.loads(line))

    def told(self) -> None:
        """The code has been told of the abort. No lock: this is called in a signal handler."""
        with suppress(OSError):
            self._socket.send(TOLD, socket.MSG_DONTWAIT)

    @asynccontextmanager
    async def given_back(self) -> AsyncIterator[None]:
        self._count(+1)
        try:
            yield
        finally:
            if self._count(-1):
                await asyncio.to_thread(self._grants.acquire)

    def _count(self, change: int) -> bool:
        """Count who waits in this process; True when it must wait for an answer to go on."""
        with self._lock, suppress(OSError):  # the executor is gone, and this process is about to follow
            self._waits += change
            if change > 0 and self._waits == 1:
                self._socket.sendall(GIVE)
            elif self._waits == 0:
                self._socket.sendall(ASK)
                return True
        return False


def work(start: Start, log_fd: int, wire_fd: int, stack_fd: int) -> int:
    """Run one action; returns the exit code."""
    # New ones, because those of the executor know what its descriptors were: files, not pipes.
    sys.stdout, sys.stderr = text_to(1), text_to(2)
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]
    # Says on stderr where a segmentation fault was. Of that thread only: walking through the frames of threads that go on
    # running may itself fault, and then the process ends with another signal than the one that killed it.
    faulthandler.enable(all_threads=False)
    # Says where the main thread is, without Python: it may be in native code that holds the interpreter.
    faulthandler.register(STACK_SIGNAL, stack_fd, all_threads=False)
    wire = Wire(wire_fd)
    main = MainThread(wire.told)
    main.listen()
    forget_ourselves()
    sys.argv = list(start.args)
    entry_point = partial(run, start, main, wire, text_to(log_fd))
    try:
        wire.listen(main.cancel)
        code = main.serve(entry_point) if start.is_function else entry_point()
    except asyncio.CancelledError:
        code = 1
    main.close()
    end_interpreter(is_patient=not main.was_cancelled)
    return code


def text_to(fd: int) -> io.TextIOWrapper[Any]:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def run(start: Start, main: MainThread, wire: Wire, log: TextIO) -> int:
    isolated_controller.put_in_main_thread(main, is_function=start.is_function)
    try:
        isolated_controller.run_entry_point(start.args[1:], wire, log)
    except SystemExit as left:
        if left.code is None or isinstance(left.code, int):
            return (left.code or 0) & 0xFF
        print(left.code, file=sys.stderr)
        return 1
    except BaseException as problem:
        if not (main.was_cancelled and isinstance(problem, asyncio.CancelledError)):
            traceback.print_exc()
            record(problem, start.args)
        return 1
    return 0


def record(problem: BaseException, args: list[str]) -> None:
    """Leave the error that the SDK's entry point let through, as what it reads and converts before the task may raise."""
    with suppress(Exception):
        uri = args[args.index("--outputs-path") + 1]
        failure = asyncio.run(failures.read_failure(uri))
        if failure is not None and failure.code == failures.NO_OUTPUTS:
            asyncio.run(failures.record_failure(problem, uri))


def end_interpreter(*, is_patient: bool) -> None:
    """What Python does at its end, of which `os._exit` does nothing. is_patient: wait for what the code has started."""
    if is_patient:
        with suppress(Exception):
            threading._shutdown()  # type: ignore[attr-defined]
    elif (workers := sys.modules.get("multiprocessing.util")) is not None:
        atexit.unregister(vars(workers)["_exit_function"])
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def serve(control: socket.socket) -> NoReturn:
    Zygote(control, work).serve()


def fork_zygote() -> tuple[int, socket.socket]:
    """Fork the zygote while this process is still small; returns its number and the executor's end of the socket."""
    ours, theirs = socket.socketpair()
    if pid := os.fork():
        theirs.close()
        return pid, ours
    try:
        ours.close()
        serve(theirs)
    finally:
        os._exit(70)


if __name__ == "__main__":
    for kept in map(int, sys.argv[2:]):
        os.set_inheritable(kept, False)
    serve(socket.socket(fileno=int(sys.argv[1])))
