"""Decides when an executor process ends, and stops it in order.

It ends when it is idle or drained, when its lease is about to run out, after the last step of an escalation, and on
SIGTERM or SIGINT. An orderly stop takes 2 seconds: what runs is interrupted, then closed, and its end is reported, so
that the server starts it again elsewhere.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Coroutine
from contextlib import suppress

from runs.executor.link.client import Link
from runs.executor.loop.host import Host
from runs.protocol.frames import LEFT, STOPPED

STOP_SECONDS = 2.0
CLOSE_AFTER_SECONDS = 1.5  # of them: what has not let itself be interrupted by then is closed
CHECK_SECONDS = 0.01
FLUSH_SECONDS = 1.0  # for the server to acknowledge the last events
# After the last step of an escalation the server has the worker end this process. If none does, it ends itself.
ABANDONED_SECONDS = 10.0
# How long before its lease runs out an executor out of reach begins to stop; for a short lease, half of the lease.
FENCE_SECONDS = 10.0
FIRST_LEASE_SECONDS = 600.0  # until the server has sent its own


class Shutdown:
    """Call its methods on the link's thread, except those that say otherwise."""

    def __init__(self, name: str, host: Host, link: Link, *, idle_seconds: float) -> None:
        self._name = name
        self._host = host
        self._link = link
        self._idle_seconds = idle_seconds
        self._idle_since = time.monotonic()
        self._lease_seconds = FIRST_LEASE_SECONDS
        self._is_draining = False
        self._is_check_due = False
        self._drained = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None
        self._quiet = asyncio.Event()  # nothing runs any more that could still end in time
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._host.leftovers.on_last_step = self.begin
        self._tasks = [
            loop.create_task(run_or_exit(self._exit_when_idle()), name="idle-exit"),
            loop.create_task(run_or_exit(self._stop_when_out_of_reach()), name="fence"),
        ]

    def configure(self, *, idle_seconds: float, lease_seconds: float) -> None:
        self._idle_seconds, self._lease_seconds = idle_seconds, lease_seconds

    def restart_idle_timer(self) -> None:
        self._idle_since = time.monotonic()

    def drain(self) -> None:
        """Take no more leases, and exit when the last attempt has ended."""
        self._is_draining = True
        self._host.stop_leasing()
        self.check_quiet()

    def attempt_ended(self) -> None:
        """An attempt has ended. Any thread."""
        if (self._stopping is not None or not self._host.attempts) and not self._is_check_due:
            self._is_check_due = True
            self._link.call_soon(self._check_soon)

    def _check_soon(self) -> None:
        """Once for many ends: a check goes through all attempts, and after each end that would be quadratic."""
        self._link.call_later(CHECK_SECONDS, self.check_quiet)

    def check_quiet(self) -> None:
        self._is_check_due = False
        if not self._host.can_any_end():
            self._quiet.set()
        if self._host.attempts:
            self.restart_idle_timer()
        elif self._is_draining:
            self._idle_seconds = 0
            self._drained.set()

    async def _exit_when_idle(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(1.0, max(0.05, self._idle_seconds / 4))):
                    await self._drained.wait()
            self._drained.clear()
            if self._host.attempts:
                self.restart_idle_timer()
            elif time.monotonic() - self._idle_since >= self._idle_seconds and self._link.outbox.is_empty:
                await self._exit()

    def _seconds_to_fence(self) -> float:
        margin = min(FENCE_SECONDS, self._lease_seconds / 2)
        return self._lease_seconds - margin - self._link.silent_seconds

    async def _stop_when_out_of_reach(self) -> None:
        """Law 11: the server gives away the work of an executor that it cannot reach. By then none of it may run here."""
        while True:
            left = self._seconds_to_fence()
            if left <= 0:
                break
            await asyncio.sleep(min(1.0, left))
        print(
            f"flyteui executor {self._name}: out of reach for {self._link.silent_seconds:.0f} s; its lease "
            "runs out, so it ends",
            file=sys.__stderr__,
        )
        self.begin()

    def begin_if_not_stopped(self) -> None:
        """Give the worker time to stop this process, and then begin an orderly stop."""
        self._link.call_later(ABANDONED_SECONDS, self.begin)

    def begin(self) -> bool:
        """Begin an orderly stop; False when one has begun already."""
        if self._stopping is not None:
            return False
        self._stopping = asyncio.get_running_loop().create_task(run_or_exit(self._stop()), name="stop")
        return True

    async def _stop(self) -> None:
        """Interrupt what runs, close what does not let itself be interrupted, report the ends, and exit.

        What refuses to be closed, too, runs until this process ends. No end of it is reported, and the exit code says
        that the process was stopped.
        """
        self._quiet.clear()
        self._host.interrupt()
        self.check_quiet()
        await self._wait_quiet(CLOSE_AFTER_SECONDS)
        self._host.close()
        await self._wait_quiet(STOP_SECONDS - CLOSE_AFTER_SECONDS)
        await self._exit(STOPPED if self._host.is_any_active() else LEFT)

    async def _wait_quiet(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._quiet.wait()

    async def _exit(self, code: int = LEFT) -> None:
        await self._link.flushed(FLUSH_SECONDS)
        await self._link.close()
        self._host.leftovers.kill_all()
        exit_now(code)

    # Signals.

    def watch_signals(self) -> None:
        """Handle signals on the link's thread: user code may keep the main thread from running any Python handler.

        Call it on the main thread.
        """
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        self._signal_sockets = ours, theirs
        self._link.call_soon(lambda: asyncio.get_running_loop().add_reader(ours, self._receive_signals))

    def _receive_signals(self) -> None:
        """Begin an orderly stop; a second signal ends the process at once."""
        numbers = self._signal_sockets[0].recv(64)
        if {signal.SIGTERM, signal.SIGINT}.intersection(numbers) and not self.begin():
            exit_now(1)


async def run_or_exit(loop: Coroutine[object, object, None]) -> None:
    """Run a loop of the process itself; its crash ends the process, with a traceback."""
    try:
        await loop
    except asyncio.CancelledError:
        raise
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        os._exit(70)


def exit_now(code: int) -> None:
    """End the process without waiting for threads of user code."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    os._exit(code)
