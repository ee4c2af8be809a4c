"""The zygote of a worker: a process with all imports done, which forks executors. It runs no action itself.

Of a pool that has run before it forks another zygote, in which the modules of the pool's code are imported, too. Neither has a
thread or an event loop when it forks; where importing the modules leaves some behind, that zygote ends and says so.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from runs.executor.attempt.descriptors import Descriptors
from runs.executor.attempt.environ import hide_own_packages
from runs.executor.attempt.output import capture, keep_output
from runs.executor.attempt.owned import marks_of
from runs.executor.attempt.record import Record
from runs.executor.environments.use import InUse, take
from runs.executor.flyte import child_controller, tasks
from runs.executor.link.config import ExecutorConfig
from runs.executor.process import Process
from runs.executor.processes.child import fork_zygote
from runs.executor.processes.fork_server import SIGNALS, ForkServer
from runs.executor.processes.forker import Forker
from runs.executor.processes.protocol import EntryPoint
from runs.executor.processes.termination import kill_marked
from runs.executor.worker import locks
from runs.executor.worker.forks import (
    Ended,
    Fork,
    Forked,
    Preload,
    Ready,
    Refused,
    Reply,
    Unfit,
    decode_request,
    encode,
)

_HARMLESS = ("/", "pipe:")  # what a descriptor may be that importing has opened


def run_executor(config: ExecutorConfig, liveness_fds: list[int]) -> None:
    """Run an executor in this process, to its end. liveness_fds: kept open by it and by all that it forks."""
    if (lock := locks.acquire(config.home, config.executor)) is not None:
        liveness_fds.append(lock)
    # Its lock is kept as the other one is.
    environment = take(config.environment) if config.environment else None
    os.environ.update(config.env)
    descriptors = Descriptors()
    mark = marks_of(os.getpid())

    def clear_up() -> None:
        kill_marked(mark)
        descriptors.pass_on()

    # Where it forks no actions, it still clears up.
    zygote = fork_zygote(clear_up)
    entry_point = entry_point_of(config, environment)
    forker = Forker(None if entry_point else zygote, liveness_fds, entry_point)
    Process(config, forker, Record(lock), descriptors, environment).run()


def entry_point_of(config: ExecutorConfig, environment: InUse | None) -> EntryPoint | None:
    """How actions are run if the flyte of their environment does not fit. What the run sets wins against what the image does."""
    if environment is None or not config.entry_point:
        return None
    return EntryPoint(str(environment.python), {**environment.variables(os.environ), **config.env})


class Zygote(ForkServer):
    """Forks the executors of a worker, or of one pool."""

    def __init__(self, control: socket.socket) -> None:
        super().__init__(control)
        self._executors: dict[int, int] = {}  # the number of the request, by pid

    def serve(self) -> NoReturn:
        self.prepare()
        super().serve()

    def ready(self) -> None:
        self._report(Ready())

    def handle(self, line: bytes) -> None:
        fd = self.fds.popleft()
        match decode_request(line):
            case Fork() as fork:
                self._fork(fork, fd)
            case Preload() as preload:
                self._preload(preload, fd)
        os.close(fd)

    def _fork(self, fork: Fork, liveness_fd: int) -> None:
        with self.forking():
            try:
                if not (pid := os.fork()):
                    self._become_executor(fork.config, liveness_fd)
                self._executors[pid] = fork.id
                self._report(Forked(fork.id, pid))
            except OSError as problem:
                self._report(Refused(fork.id, str(problem)))

    def _become_executor(self, config: ExecutorConfig, liveness_fd: int) -> NoReturn:
        try:
            os.setsid()
            self.leave()
            self.control.close()
            for number in (signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            if (numpy := sys.modules.get("numpy")) is not None:
                numpy.random.seed()  # `random` does that itself
            run_executor(config, [liveness_fd])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)

    def _preload(self, preload: Preload, control_fd: int) -> None:
        with suppress(OSError):  # then its socket ends, and the worker goes on without
            if not os.fork():
                try:
                    self.leave()
                    self.control.close()
                    zygote = Zygote(socket.socket(fileno=control_fd))
                    if reason := import_modules(preload):
                        with suppress(ConnectionError):  # the worker has ended meanwhile
                            zygote._report(Unfit(reason))
                        os._exit(0)
                    zygote.serve()
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(70)

    def reaped(self, pid: int, status: int) -> None:
        if (number := self._executors.pop(pid, None)) is not None:
            self._report(Ended(number, os.waitstatus_to_exitcode(status)))

    def _report(self, reply: Reply) -> None:
        self.send(encode(reply))


def import_modules(preload: Preload) -> str:
    """Import them; returns why this process cannot be forked then, "" if it can."""
    os.environ.update(preload.env)
    capture(None)
    hide_own_packages()
    tasks.enter(Path(preload.folder))
    before = _open_files()
    printed = io.StringIO()
    try:
        with keep_output(printed):
            for module in preload.modules:
                importlib.import_module(module)
    except BaseException as problem:  # a module may do anything while it is imported, sys.exit() too
        return f"importing its modules before a run has begun fails: {type(problem).__name__}: {problem}"
    if printed.tell():
        return "importing its modules prints something, which belongs into the log of each run"
    if count_threads() > 1:
        return "importing its modules starts threads"
    if opened := [what for what in _open_files() - before if not what.startswith(_HARMLESS)]:
        return f"importing its modules opens {opened[0].partition(':')[0]}"
    return ""


def count_threads() -> int:
    """How many threads are left after a fork: libraries that end theirs before one do no harm."""
    if not (pid := os.fork()):
        os._exit(0)
    os.waitpid(pid, 0)
    return max(1, len(list(Path("/proc/self/task").glob("*"))))


def _open_files() -> set[str]:
    """What the descriptors of this process are, on Linux."""
    found = set()
    for fd in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):
            found.add(str(fd.readlink()))
    return found


def serve(control_fd: int) -> NoReturn:
    """Become the zygote of a worker."""
    os.set_inheritable(control_fd, False)
    child_controller.end_background_loop()
    Zygote(socket.socket(fileno=control_fd)).serve()
