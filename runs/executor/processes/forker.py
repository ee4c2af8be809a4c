"""The executor's end of the socket to its zygote: requests child processes and receives their exits. On the link's thread."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from runs.executor import ROOT
from runs.executor.environments.start import command
from runs.executor.processes.protocol import (
    Began,
    Ended,
    EntryPoint,
    Refused,
    Reply,
    Request,
    Signal,
    Start,
    decode_reply,
    encode,
)


class ReplyHandler(Protocol):
    """Receives the replies about all children."""

    def handle(self, reply: Reply) -> None: ...


class Forker:
    """Starts a new zygote when the old one was killed, as the kernel does when memory is short."""

    def __init__(
        self,
        zygote: tuple[int, socket.socket] | None = None,
        liveness_fds: Sequence[int] = (),
        entry_point: EntryPoint | None = None,
    ) -> None:
        """liveness_fds: descriptors that a zygote must keep open, so that the worker knows when all of the executor has ended.

        entry_point: how actions are run whose flyte does not fit this process.
        """
        self.entry_point = entry_point
        self._zygote_pid: int = zygote[0] if zygote else 0
        self._control: socket.socket | None = zygote[1] if zygote else None
        self._liveness_fds = liveness_fds
        self._environment = dict(os.environ)  # before user code has a chance to change it
        self._requested: dict[int, bool] = {}  # whether the process is known to exist
        self._line = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handler: ReplyHandler | None = None
        self.on_lost: Callable[[], None] = lambda: (
            None
        )  # its shims are about to end, as children of this process

    @property
    def zygote_pid(self) -> int:
        """0 when none has been started."""
        return self._zygote_pid

    def open(self, handler: ReplyHandler) -> None:
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        if self._control is not None:
            self._watch(self._control)
        elif self.entry_point is not None:
            self._spawn()  # its imports take seconds

    def start(self, start: Start, fds: list[int]) -> None:
        """Request a child, which gets these descriptors. The reply is Began or Refused."""
        self._requested[start.id] = False
        self._send(start, fds)

    def signal(self, number: int, which: int) -> None:
        if number in self._requested:
            self._send(Signal(number, which))

    def _send(self, request: Request, fds: list[int] | None = None) -> None:
        control = self._control or self._spawn()
        data = encode(request) + b"\n"
        try:
            sent = socket.send_fds(control, [data], fds or [])
            control.sendall(data[sent:])
        except OSError:
            self._lost()

    def _spawn(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        python, module, environment = sys.executable, "child", self._environment
        if self.entry_point is not None:
            python, module, environment = self.entry_point.python, "entry", self.entry_point.variables
        given = map(str, (theirs.fileno(), *self._liveness_fds))
        zygote = subprocess.Popen(
            command(python, f"runs.executor.processes.{module}", *given),
            cwd=ROOT, env=environment, pass_fds=[theirs.fileno(), *self._liveness_fds], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=sys.__stderr__, stderr=sys.__stderr__,
        )  # fmt: skip
        theirs.close()
        self._zygote_pid = zygote.pid
        zygote.returncode = 0  # it is reaped in `_lost`, not by Popen
        self._watch(ours)
        return ours

    def _watch(self, control: socket.socket) -> None:
        assert self._loop is not None
        self._control = control
        self._line = b""
        self._loop.add_reader(control, self._read, control)

    def _read(self, control: socket.socket) -> None:
        try:
            data = control.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self._handle(decode_reply(line))

    def _handle(self, reply: Reply) -> None:
        match reply:
            case Began(id=number):
                self._requested[number] = True
            case Ended(id=number) | Refused(id=number):
                del self._requested[number]
        assert self._handler is not None
        self._handler.handle(reply)

    def _lost(self) -> None:
        """The zygote has ended, and so have its shims, which kill their actions when it does."""
        if self._control is None:
            return
        assert self._loop is not None
        self._loop.remove_reader(self._control)
        self._control.close()
        self._control = None
        with suppress(ChildProcessError):
            os.waitpid(self._zygote_pid, os.WNOHANG)
        self.on_lost()
        for number, has_begun in list(self._requested.items()):
            reason = "the process that forks others was killed"
            self._handle(Ended(number, -signal.SIGKILL) if has_begun else Refused(number, reason))
