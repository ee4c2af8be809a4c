"""The zygote: a process with one thread and all imports done, which forks a shim for each isolated action.

When the executor dies, for whatever reason, the socket between them ends and so does the zygote; then the pipes to the
shims end, which kill their actions and exit. No SDK here.
"""

from __future__ import annotations

import os
import signal
import socket
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, NoReturn

from runs.executor.processes.fork_server import ForkServer
from runs.executor.processes.protocol import Ended, Refused, Signal, Start, decode_request, encode
from runs.executor.processes.shim import FDS, Shim, Work
from runs.executor.processes.termination import adopt_orphans, die_with_parent, kill_descendants


class _RunningShim(NamedTuple):
    """The shim of an action that runs."""

    id: int
    requests: int  # the writing end of the shim's pipe


class Zygote(ForkServer):
    """Forks the shims of one executor."""

    def __init__(self, control: socket.socket, work: Work, at_end: Callable[[], None]) -> None:
        """at_end: called when the executor has ended."""
        super().__init__(control)
        self._work = work
        self._shims: dict[int, _RunningShim] = {}  # by pid
        self._at_end = at_end

    def serve(self) -> NoReturn:
        with suppress(PermissionError):  # it leads a session already
            os.setsid()
        self.prepare()
        die_with_parent(signal.SIGTERM)
        adopt_orphans()
        super().serve()

    def ended(self) -> None:
        self._at_end()

    def handle(self, line: bytes) -> None:
        match decode_request(line):
            case Start() as start:
                self._start(start, [self.fds.popleft() for _ in range(FDS)])
            case Signal() as request:
                self._signal(request)

    def _signal(self, request: Signal) -> None:
        for shim in self._shims.values():
            if shim.id == request.id:
                with suppress(BrokenPipeError):  # it has just ended
                    os.write(shim.requests, encode(request) + b"\n")

    def _start(self, start: Start, fds: list[int]) -> None:
        requests, ours = os.pipe()
        with self.forking():
            try:
                pid = os.fork()
                if not pid:
                    self._become_shim(start, fds, requests, ours)
                self._shims[pid] = _RunningShim(start.id, ours)
            except OSError as problem:
                os.close(ours)
                self.send(encode(Refused(start.id, str(problem))))
        for fd in (*fds, requests):
            os.close(fd)

    def _become_shim(self, start: Start, fds: list[int], requests: int, ours: int) -> NoReturn:
        """In the child: become a shim. It must not hold the other shims' pipes open, which are to end with the zygote."""
        try:
            for fd in (ours, *(shim.requests for shim in self._shims.values())):
                os.close(fd)
            self.leave()
            Shim(start, fds, requests, self.control).run(self._work)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)

    def reaped(self, pid: int, status: int) -> None:
        if (shim := self._shims.pop(pid, None)) is not None:
            os.close(shim.requests)
            if status:
                self._sweep_orphans_of(shim)

    def _sweep_orphans_of(self, shim: _RunningShim) -> None:
        """A shim was killed. The kernel has killed its child, whose descendants are children of this process now.

        No process of another action is among them, because each of those has a shim that adopts it.
        """
        kill_descendants(spare=self._shims)
        self.send(encode(Ended(shim.id, -signal.SIGKILL)))
