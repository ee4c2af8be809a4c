"""The executor's end of its zygote: asks for child processes, hears what becomes of them. On the link's thread."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from runs.executor.forks import Began, Ended, Refused, Reply, Request, Signal, Start, decode_reply, encode
from runs.executor.modules import ROOT


class Listener(Protocol):
    """Who asked for the children."""

    def heard(self, reply: Reply) -> None: ...


class Forker:
    """Makes a new zygote when the one that it has is gone, as the system's memory killer may wish."""

    def __init__(self, zygote: tuple[int, socket.socket] | None = None, kept: Sequence[int] = ()) -> None:
        """kept: descriptors that say that something of this executor is alive."""
        self._zygote_pid: int = zygote[0] if zygote else 0
        self._control: socket.socket | None = zygote[1] if zygote else None
        self._kept = kept
        self._environment = dict(os.environ)  # before user code has a chance to change it
        self._asked: dict[int, bool] = {}  # whether the process is known to exist
        self._line = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: Listener | None = None

    def open(self, listener: Listener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        if self._control is not None:
            self._listen(self._control)

    def start(self, start: Start, fds: list[int]) -> None:
        """Ask for a child, which gets these descriptors. The answer is Began or Refused."""
        self._asked[start.id] = False
        self._send(start, fds)

    def signal(self, number: int, which: int) -> None:
        if number in self._asked:
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
        zygote = subprocess.Popen(
            [sys.executable, "-m", "runs.executor.isolated", str(theirs.fileno()), *map(str, self._kept)],
            cwd=ROOT, env=self._environment, pass_fds=[theirs.fileno(), *self._kept], start_new_session=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        self._zygote_pid = zygote.pid
        zygote.returncode = 0  # it is reaped in `_lost`, not by Popen
        self._listen(ours)
        return ours

    def _listen(self, control: socket.socket) -> None:
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
            self._heard(decode_reply(line))

    def _heard(self, reply: Reply) -> None:
        match reply:
            case Began(id=number):
                self._asked[number] = True
            case Ended(id=number) | Refused(id=number):
                del self._asked[number]
        assert self._listener is not None
        self._listener.heard(reply)

    def _lost(self) -> None:
        """The zygote and all of its keepers have ended; these have killed what they kept."""
        if self._control is None:
            return
        assert self._loop is not None
        self._loop.remove_reader(self._control)
        self._control.close()
        self._control = None
        with suppress(ChildProcessError):
            os.waitpid(self._zygote_pid, os.WNOHANG)
        for number, has_begun in list(self._asked.items()):
            reason = "the process that forks others was killed"
            self._heard(Ended(number, -signal.SIGKILL) if has_begun else Refused(number, reason))
