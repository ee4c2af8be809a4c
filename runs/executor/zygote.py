"""A process with one thread and all imports done, which forks a keeper for each isolated action, as the action's parent.

When the executor dies, whatever the reason, it hears that on the socket between them and ends, and the keepers hear that
on their pipes: they kill what they keep, and end. No SDK here.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import traceback
from collections import deque
from contextlib import suppress
from typing import NamedTuple, NoReturn

from runs.executor.descent import adopt_orphans, die_with_parent, sweep
from runs.executor.forks import Ended, Refused, Reply, Signal, Start, decode_request, encode
from runs.executor.keeper import FDS, Keeper, Work

_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}


class _Kept(NamedTuple):
    """An action that runs, seen from here."""

    id: int
    requests: int  # our end of the keeper's pipe


class Zygote:
    """The loop of the process."""

    def __init__(self, control: socket.socket, work: Work) -> None:
        self._control = control
        self._work = work
        self._kept: dict[int, _Kept] = {}  # by the keeper's number
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
        adopt_orphans()
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
        for kept in self._kept.values():
            if kept.id == asked.id:
                with suppress(BrokenPipeError):  # it has just ended
                    os.write(kept.requests, encode(asked) + b"\n")

    def _start(self, start: Start, fds: list[int]) -> None:
        requests, ours = os.pipe()
        # Blocked until both processes have made themselves at home: until then they would take a signal for their parent's.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if not pid:
                self._become(start, fds, requests, ours)
            self._kept[pid] = _Kept(start.id, ours)
        except OSError as problem:
            os.close(ours)
            self._tell(Refused(start.id, str(problem)))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            for fd in (*fds, requests):
                os.close(fd)

    def _become(self, start: Start, fds: list[int], requests: int, ours: int) -> NoReturn:
        """In the child: be a keeper, which must not hold the ends of pipes whose end is to tell something."""
        try:
            for fd in (ours, *(kept.requests for kept in self._kept.values()), *self._fds):
                os.close(fd)
            self._signals.close()
            self._wakeup.close()
            Keeper(start, fds, requests, self._control).keep(self._work)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(70)

    def _look(self) -> None:
        """Some keeper has ended, or this process is to end."""
        if signal.SIGTERM in self._signals.recv(256):
            raise EOFError
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if (kept := self._kept.pop(pid, None)) is not None:
                    os.close(kept.requests)
                    if status:
                        self._take_over(kept)

    def _take_over(self, kept: _Kept) -> None:
        """The keeper was killed. The kernel has killed its child, and what that had started are children of this process
        now: those and no others, because the other actions have their keepers.
        """
        sweep(spare=self._kept)
        self._tell(Ended(kept.id, -signal.SIGKILL))

    def _tell(self, reply: Reply) -> None:
        self._control.sendall(encode(reply) + b"\n")
