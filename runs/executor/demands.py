"""The demand that a process ends: CancelledError in its code, then SIGTERM, then SIGKILL. On the link's loop.

The steps are law 6 for a process: what does not stop is shown with the stack in which it is stuck.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Protocol

from runs.executor.forks import STACK_SIGNAL
from runs.executor.frames import now_us
from runs.phases import Escalation

STACK_SECONDS = 0.2  # for the process to write its stack, before it gets SIGTERM
TERMINATED_SECONDS = 5.0  # between SIGTERM and SIGKILL


class Target(Protocol):
    """The process."""

    def cancel(self, reason: str) -> None:
        """Raise CancelledError in its code."""

    def signal(self, number: int) -> None:
        """Send its group a signal."""

    def stack(self) -> str:
        """What it has written about where it is, after STACK_SIGNAL."""

    def refuses(self, step: Escalation, stack: str, next_at: int) -> None:
        """It has not ended in time, and gets SIGTERM now, or SIGKILL. next_at: when SIGKILL follows; 0 with the last step."""


class Demand:
    """Asks once. What comes later can only make it sooner."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._timer: asyncio.TimerHandle | None = None
        self._kill_at = float("inf")

    def ask(self, reason: str, grace_seconds: float) -> None:
        """Ask it to end, and insist after the grace period."""
        if self._timer is None:
            self._target.cancel(reason)
            self._later(grace_seconds, self._look)

    def ask_briefly(self, reason: str, grace_seconds: float) -> None:
        """Ask it to end, unless that was done, and kill it after the grace period."""
        if self._timer is None:
            self._target.cancel(reason)
        kill_at = asyncio.get_running_loop().time() + grace_seconds
        if kill_at < self._kill_at:
            self._kill_at = kill_at
            self._later(grace_seconds, self.kill)

    def kill(self) -> None:
        self.drop()
        self._target.signal(signal.SIGKILL)

    def drop(self) -> None:
        """It has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._target.signal(STACK_SIGNAL)
        self._later(STACK_SECONDS, self._terminate)

    def _terminate(self) -> None:
        next_at = now_us() + round(TERMINATED_SECONDS * 1e6)
        self._target.refuses(Escalation.ASKED_AGAIN, self._target.stack(), next_at)
        self._target.signal(signal.SIGTERM)
        self._kill_at = asyncio.get_running_loop().time() + TERMINATED_SECONDS
        self._later(TERMINATED_SECONDS - STACK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._target.signal(STACK_SIGNAL)
        self._later(STACK_SECONDS, self._kill_what_refuses)

    def _kill_what_refuses(self) -> None:
        self._target.refuses(Escalation.CLOSED, self._target.stack(), 0)
        self.kill()

    def _later(self, seconds: float, step: Callable[[], None]) -> None:
        self.drop()
        self._timer = asyncio.get_running_loop().call_later(seconds, step)
