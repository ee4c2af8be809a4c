"""A process with one thread and all imports done, which forks the child processes of isolated actions.

It alone knows when a process id is free again, so it alone sends signals. When the executor dies, whatever the reason,
it hears that on the socket between them, kills every group that it has started, and ends. No SDK here.
"""

from __future__ import annotations

import ctypes
import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import msgspec

from runs.executor.frames import now_us

FDS = 4  # stdout, stderr, log records, slot
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Start(msgspec.Struct, tag="start"):
    """Fork a child. Its file descriptors travel beside the line."""

    id: int
    args: list[str]
    folder: str
    env: dict[str, str]


class Signal(msgspec.Struct, tag="signal"):
    """Send a signal to the child's process group."""

    id: int
    number: int


class Began(msgspec.Struct, tag="began"):
    """The process exists, and its group has its number."""

    id: int
    pid: int
    at: int


class Refused(msgspec.Struct, tag="refused"):
    """The system gives no process."""

    id: int
    reason: str


class Signalled(msgspec.Struct, tag="signalled"):
    """The signal was sent at this instant. No answer: the process had ended before."""

    id: int
    number: int
    at: int


class Ended(msgspec.Struct, tag="ended"):
    """The process has ended, and its group with it. code: as subprocess says it, minus the signal's number."""

    id: int
    code: int


Request = Start | Signal
Reply = Began | Refused | Signalled | Ended
encode = msgspec.json.encode
decode_request = msgspec.json.Decoder(Request).decode
decode_reply = msgspec.json.Decoder(Reply).decode

# What a child does: given the Start and the descriptors of log records and slot, it returns an exit code.
Work = Callable[[Start, int, int], int]


class Zygote:
    """The loop of the process. Between two turns everything that has happened is told."""

    def __init__(self, control: socket.socket, work: Work) -> None:
        self._control = control
        self._work = work
        self._pid = os.getpid()
        self._pids: dict[int, int] = {}
        self._fds: deque[int] = deque()
        self._line = b""
        self._signals, self._wakeup = socket.socketpair()

    def serve(self) -> NoReturn:
        with suppress(PermissionError):  # it leads a session already
            os.setsid()
        for end in (self._signals, self._wakeup):
            end.setblocking(False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        die_with_parent(signal.SIGTERM)
        gc.freeze()  # so that a collection in a child copies no pages of what is never garbage
        selector = selectors.DefaultSelector()
        selector.register(self._control, selectors.EVENT_READ, self._hear)
        selector.register(self._signals, selectors.EVENT_READ, self._look)
        try:
            while True:
                for key, _ in selector.select():
                    key.data()
        except (ConnectionError, EOFError):
            pass
        except BaseException:
            traceback.print_exc()
        finally:
            for pid in self._pids.values():
                signal_group(pid, signal.SIGKILL)
            os._exit(0)

    def _hear(self) -> None:
        data, fds, _, _ = socket.recv_fds(self._control, 65536, FDS * 16)
        if not data:
            raise EOFError
        self._fds += fds
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            match decode_request(line):
                case Start() as start:
                    self._start(start, [self._fds.popleft() for _ in range(FDS)])
                case Signal() as asked:
                    self._signal(asked)

    def _signal(self, asked: Signal) -> None:
        self._reap()
        if (pid := self._pids.get(asked.id)) is not None:
            at = now_us()
            signal_group(pid, asked.number)
            self._tell(Signalled(asked.id, asked.number, at))

    def _start(self, start: Start, fds: list[int]) -> None:
        # Blocked until the child has made itself at home: until then it would take a signal for its parent's.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
        except OSError as problem:
            self._tell(Refused(start.id, str(problem)))
        else:
            if not pid:
                self._become(start, fds)
            self._pids[start.id] = pid
            self._tell(Began(start.id, pid, now_us()))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            for fd in fds:
                os.close(fd)

    def _become(self, start: Start, fds: list[int]) -> NoReturn:
        """In the child: a session of its own, its own output, and no trace of what this process does."""
        code = 70
        try:
            os.setsid()
            die_with_parent(signal.SIGKILL)
            if os.getppid() != self._pid:
                os._exit(code)
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for end in (self._control, self._signals, self._wakeup):
                end.close()
            os.dup2(fds[0], 1)
            os.dup2(fds[1], 2)
            for fd in (fds[0], fds[1], *self._fds):  # the rest is of children that are to come
                os.close(fd)
            for fd in fds[2:]:
                os.set_inheritable(fd, False)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.environ.update(start.env)
            os.chdir(start.folder)
            code = self._work(start, fds[2], fds[3])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _look(self) -> None:
        """Some child has ended, or this process is to end."""
        if signal.SIGTERM in self._signals.recv(256):
            raise EOFError
        self._reap()

    def _reap(self) -> None:
        for number, pid in list(self._pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                # What it left behind goes with it. The number stays the group's for as long as anybody is in it.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
                del self._pids[number]
                self._tell(Ended(number, os.waitstatus_to_exitcode(status)))

    def _tell(self, reply: Reply) -> None:
        self._control.sendall(encode(reply) + b"\n")


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a group; to its first process alone while that has not made the group yet."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    except PermissionError:  # macOS says so of a group of zombies
        pass


def die_with_parent(number: int) -> None:
    """Ask the kernel for a signal when the parent dies; elsewhere than on Linux the socket has to do."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
