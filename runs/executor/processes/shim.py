"""The shim: parent process of one isolated action, which reaps all descendants of the action. The zygote forks it.

What the action leaves behind becomes a child of the shim, which kills it before it reports the end. So an action leaves no
process behind, and no signal hits a process of another action. When the zygote has ended, the shim kills its action and exits.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from runs.executor.processes.protocol import (
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
from runs.executor.processes.termination import (
    adopt_orphans,
    descendants,
    die_with_parent,
    kill_descendants,
    signal_group,
)
from runs.protocol.frames import now_us

_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of `ru_maxrss`
FDS = 5  # stdout, stderr, log records, channel, stacks
# Runs the action in its process: takes the Start and the descriptors from log records on, and returns the exit code.
Work = Callable[[Start, int, int, int], int]


class Shim:
    """requests: the pipe on which the zygote forwards Signal. control: the executor's socket, for the replies."""

    def __init__(self, start: Start, fds: list[int], requests: int, control: socket.socket) -> None:
        self._start = start
        self._fds = fds
        self._requests = requests
        self._control = control
        self._line = b""
        self._leader = 0
        self._code: int | None = None
        self._used = 0.0, 0  # processor seconds, and bytes of memory at its peak
        self._pid = os.getpid()
        self._signals, self._wakeup = socket.socketpair()

    def run(self, work: Work) -> NoReturn:
        """Start the action, and exit when none of its processes is left. Call it with SIGCHLD blocked."""
        try:
            adopt_orphans()
            self._watch_signals()
            self._leader = os.fork()
            if not self._leader:
                self._become_action(work)
            for fd in self._fds:
                os.close(fd)
            self._report(Began(self._start.id, self._leader, now_us()))
            self._wait()
            # Without a code the zygote has ended, which the executor notices when this process ends, too.
            if self._code is not None:
                self._report(Ended(self._start.id, self._code, *self._used))
            os._exit(0)
        except OSError as problem:
            if not self._leader:
                self._report(Refused(self._start.id, str(problem)))
                os._exit(0)
            traceback.print_exc()
        finally:
            os._exit(70)  # the zygote kills the descendants and reports the end

    def _watch_signals(self) -> None:
        for end in (self._signals, self._wakeup):
            end.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # requests of the executor come through the pipe
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)

    def _wait(self) -> None:
        """Until the action's process has ended, or the zygote has."""
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        selector = selectors.DefaultSelector()
        selector.register(self._requests, selectors.EVENT_READ, self._read_requests)
        selector.register(self._signals, selectors.EVENT_READ, self._reap)
        with suppress(EOFError):
            while self._code is None:
                for key, _ in selector.select():
                    key.data()
        self._clear()

    def _clear(self) -> None:
        """Kill what is left of the action, and reap it."""
        if self._code is None:
            signal_group(self._leader, signal.SIGKILL)
            os.waitpid(self._leader, 0)
        else:  # the pid is not reused while a process is in the group of that number
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._leader, signal.SIGKILL)
        with suppress(ChildProcessError):  # nothing is left, as nearly always
            os.waitpid(-1, os.WNOHANG)
            kill_descendants()

    def _read_requests(self) -> None:
        data = os.read(self._requests, 4096)
        if not data:
            raise EOFError
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            request = decode_request(line)
            if isinstance(request, Signal) and self._code is None:
                self._send(request.number)

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
        self._report(Signalled(self._start.id, number, at))

    def _reap(self) -> None:
        self._signals.recv(256)
        with suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if not pid:
                    return
                if pid == self._leader:
                    self._code = os.waitstatus_to_exitcode(status)
                    self._used = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_BYTES

    def _report(self, reply: Reply) -> None:
        with suppress(OSError):  # the executor has ended, and the zygote is about to
            self._control.sendall(encode(reply) + b"\n")

    def _become_action(self, work: Work) -> NoReturn:
        """In the child: a session of its own, its own output, and none of the shim's signal handlers and descriptors."""
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
            os.chdir(self._start.bundle)
            code = work(self._start, *self._fds[2:])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
