"""A process that only forks: requests come by a socket, with descriptors; ends of its children come as signals. No SDK here."""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
MAX_FDS = 64  # that are received at a time


class ForkServer(ABC):
    """The loop of the process. What a request means, and the end of a child, is the subclass' affair."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.fds: deque[int] = deque()  # that were received and belong to requests to come
        self._line = b""
        self._signals, self._wakeup = socket.socketpair()

    @abstractmethod
    def handle(self, line: bytes) -> None:
        """A request. It takes its descriptors from `fds`, and closes them."""

    @abstractmethod
    def reaped(self, pid: int, status: int) -> None:
        """A child has ended. status: as os.waitpid has it."""

    def ready(self) -> None:  # noqa: B027 -- most have nothing to say
        """From now on requests are handled."""

    def ended(self) -> None:  # noqa: B027 -- most have nothing to do then
        """The other end of the socket has ended, and this process is about to."""

    def prepare(self) -> None:
        """Have signals wake the loop, and forks copy as little as possible."""
        for end in (self._signals, self._wakeup):
            end.setblocking(False)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        gc.collect()
        gc.freeze()  # so that a collection in a child copies no pages of what is never garbage

    def serve(self) -> NoReturn:
        """Handle requests until the other end has ended, or SIGTERM comes."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.control, selectors.EVENT_READ, self._read_requests)
        self._selector.register(self._signals, selectors.EVENT_READ, self._reap)
        try:
            self.ready()
            while True:
                for key, _ in self._selector.select():
                    key.data()
        except (ConnectionError, EOFError):
            pass
        except BaseException:
            traceback.print_exc()
        finally:
            with suppress(OSError):
                self.ended()
            os._exit(0)

    @contextmanager
    def forking(self) -> Iterator[None]:
        """Hold back signals until both processes have their own ends for them: until then they would come to the parent's socket."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def leave(self) -> None:
        """In a child: let go of what is this process' own, but for the socket."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for fd in self.fds:
            os.close(fd)
        self._signals.close()
        self._wakeup.close()

    def _read_requests(self) -> None:
        data, fds, _, _ = socket.recv_fds(self.control, 65536, MAX_FDS)
        if not data:
            raise EOFError
        self.fds += fds
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self.handle(line)

    def _reap(self) -> None:
        """Reap the children that have ended; raise EOFError on SIGTERM."""
        if signal.SIGTERM in self._signals.recv(256):
            raise EOFError
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                self.reaped(pid, status)

    def send(self, reply: bytes) -> None:
        self.control.sendall(reply + b"\n")
