"""A process that has one child, an isolated action, and answers for all that this starts. The zygote forks one for each.

Whatever the action has started ends with it or becomes the keeper's child, so it cannot leave anything behind, and no
signal can hit what belongs to another action. When the zygote is gone, the keeper kills what it keeps, and ends.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from runs.executor.descent import adopt_orphans, descendants, die_with_parent, signal_group, sweep
from runs.executor.forks import (
    STACK_SIGNAL,
    Began,
    Ended,
    Refused,
    Reply,
    Signal,
    Signalled,
    Start,
    decode_request,
    encode,
)
from runs.executor.frames import now_us

FDS = 5  # stdout, stderr, log records, wire, stacks
# What an action does: given the Start and the descriptors from log records on, it returns an exit code.
Work = Callable[[Start, int, int, int], int]


class Keeper:
    """requests: the pipe on which the zygote passes Signal on. control: the executor's socket, for the answers."""

    def __init__(self, start: Start, fds: list[int], requests: int, control: socket.socket) -> None:
        self._start = start
        self._fds = fds
        self._requests = requests
        self._control = control
        self._line = b""
        self._leader = 0
        self._code: int | None = None
        self._pid = os.getpid()
        self._signals, self._wakeup = socket.socketpair()

    def keep(self, work: Work) -> NoReturn:
        """Start the action and stay until nothing is left of it. Call it with SIGCHLD blocked."""
        try:
            adopt_orphans()
            self._listen_to_signals()
            self._leader = os.fork()
            if not self._leader:
                self._become(work)
            for fd in self._fds:
                os.close(fd)
            self._tell(Began(self._start.id, self._leader, now_us()))
            self._wait()
            if (
                self._code is not None
            ):  # else the executor hears that the zygote is gone when this process is, too
                self._tell(Ended(self._start.id, self._code))
            os._exit(0)
        except OSError as problem:
            if not self._leader:
                self._tell(Refused(self._start.id, str(problem)))
                os._exit(0)
            traceback.print_exc()
        finally:
            os._exit(70)  # the zygote sweeps, and says that the action has ended

    def _listen_to_signals(self) -> None:
        for end in (self._signals, self._wakeup):
            end.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # what the executor wants comes in the pipe
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)

    def _wait(self) -> None:
        """Until the action's process has ended, or the zygote has."""
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        selector = selectors.DefaultSelector()
        selector.register(self._requests, selectors.EVENT_READ, self._hear)
        selector.register(self._signals, selectors.EVENT_READ, self._reap)
        with suppress(EOFError):
            while self._code is None:
                for key, _ in selector.select():
                    key.data()
        self._clear()

    def _clear(self) -> None:
        """Kill whatever is left of the action, and see it end."""
        if self._code is None:
            signal_group(self._leader, signal.SIGKILL)
            os.waitpid(self._leader, 0)
        else:  # the number stays the group's for as long as anybody is in it
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._leader, signal.SIGKILL)
        with suppress(ChildProcessError):  # nothing is left, as nearly always
            os.waitpid(-1, os.WNOHANG)
            sweep()

    def _hear(self) -> None:
        data = os.read(self._requests, 4096)
        if not data:
            raise EOFError
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            asked = decode_request(line)
            if isinstance(asked, Signal) and self._code is None:
                self._send(asked.number)

    def _send(self, number: int) -> None:
        at = now_us()
        if number == STACK_SIGNAL:
            os.kill(self._leader, number)
        else:
            signal_group(self._leader, number)
        if number == signal.SIGKILL:
            for pid in descendants():
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        self._tell(Signalled(self._start.id, number, at))

    def _reap(self) -> None:
        self._signals.recv(256)
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if pid == self._leader:
                    self._code = os.waitstatus_to_exitcode(status)

    def _tell(self, reply: Reply) -> None:
        with suppress(OSError):  # the executor is gone, and the zygote follows
            self._control.sendall(encode(reply) + b"\n")

    def _become(self, work: Work) -> NoReturn:
        """In the child: a session of its own, its own output, and no trace of what this process does."""
        code = 70
        try:
            os.setsid()
            die_with_parent(signal.SIGKILL)
            if os.getppid() != self._pid:
                os._exit(code)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for end in (self._control, self._signals, self._wakeup):
                end.close()
            os.close(self._requests)
            for stream, fd in enumerate(self._fds[:2], start=1):
                os.dup2(fd, stream)
                os.close(fd)
            for fd in self._fds[2:]:
                os.set_inheritable(fd, False)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.environ.update(self._start.env)
            os.chdir(self._start.folder)
            code = work(self._start, *self._fds[2:])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
