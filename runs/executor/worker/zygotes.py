"""The worker's end of the socket to one of its zygotes: requests executors, and receives their exits. On the worker's loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from runs.executor.link.config import ExecutorConfig
from runs.executor.worker.forks import (
    Ended,
    Fork,
    Forked,
    Misfit,
    Preload,
    Ready,
    Refused,
    Request,
    Unfit,
    decode_reply,
    encode,
)
from runs.protocol.worker_frames import UNSEEN


class ZygoteLost(OSError):
    """The process that forks executors was killed."""


class ZygoteClient:
    """on_end: called once, with why this zygote cannot be used, or "" when it has just ended."""

    def __init__(self, control: socket.socket, on_end: Callable[[str], None]) -> None:
        self._control = control
        self._on_end = on_end
        self.forks = 0  # how many executors were requested
        self._forked: dict[int, asyncio.Future[int]] = {}
        self._ended: dict[int, asyncio.Future[int]] = {}
        self._line = b""
        self._reason = ""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(control, self._read)
        self.is_ready = False
        self.is_open = True
        self.misfit = ""  # why actions run without our executor in that Python
        self.answered = asyncio.Event()  # it is ready, or will never be

    async def fork(self, config: ExecutorConfig, liveness_fd: int) -> tuple[int, asyncio.Future[int]]:
        """Fork an executor; returns its pid, and its exit code to come, UNSEEN when this zygote ends before it.

        Raises OSError, ZygoteLost when it may be tried elsewhere.
        """
        self.forks = number = self.forks + 1
        forked = self._forked[number] = self._loop.create_future()
        ended = self._ended[number] = self._loop.create_future()
        self._send(Fork(number, config), liveness_fd)
        return await forked, ended

    def preload(self, request: Preload, on_end: Callable[[str], None]) -> ZygoteClient:
        """Fork a zygote that imports modules. It can be used once it is ready."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._send(request, theirs.fileno())
        return ZygoteClient(ours, on_end)

    def close(self) -> None:
        """Have it end. Its executors go on, and their exits are UNSEEN."""
        if not self.is_open:
            return
        self.is_open = self.is_ready = False
        self._loop.remove_reader(self._control)
        self._control.close()
        for forked in self._forked.values():
            forked.set_exception(ZygoteLost("the process that forks executors was killed"))
        for ended in self._ended.values():
            ended.set_result(UNSEEN)
        self._forked, self._ended = {}, {}
        self._on_end(self._reason)
        self.answered.set()

    def is_idle(self) -> bool:
        """Whether no executor of it is left whose exit it has to report."""
        return not self._ended

    def _send(self, request: Request, fd: int) -> None:
        data = encode(request) + b"\n"
        try:
            sent = socket.send_fds(self._control, [data], [fd])
            self._control.sendall(data[sent:])
        except OSError:
            self.close()

    def _read(self) -> None:
        try:
            data = self._control.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            match decode_reply(line):
                case Ready():
                    self.is_ready = True
                    self.answered.set()
                case Misfit(reason=reason):
                    self.misfit = reason
                case Unfit(reason=reason):
                    self._reason = reason
                case Forked(id=number, pid=pid):
                    self._forked.pop(number).set_result(pid)
                case Refused(id=number, reason=reason):
                    self._ended.pop(number)
                    self._forked.pop(number).set_exception(OSError(reason))
                case Ended(id=number, code=code):
                    self._ended.pop(number).set_result(code)
