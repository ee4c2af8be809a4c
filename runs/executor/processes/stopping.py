"""Stops a child process in steps: CancelledError in its code, then a second request, then SIGKILL. On the link's loop.

This is law 6 for a process: each step after the first is reported with the stack in which the code is stuck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from runs.domain.phases import Escalation
from runs.protocol.frames import now_us

STACK_SECONDS = 0.2  # for the process to write its stack, before it is asked again or killed


class Target(Protocol):
    """The process."""

    def cancel(self, reason: str) -> None:
        """Raise CancelledError in its code."""

    def ask_again(self) -> float:
        """Ask it once more to end; returns how many seconds it has for that."""

    def kill(self) -> None:
        """Kill it and all that it has started."""

    def ask_for_stack(self) -> None:
        """Have it write where it is stuck."""

    def stack(self) -> str:
        """What it has written."""

    def report_refusal(self, step: Escalation, stack: str, next_at: int) -> None:
        """It has not ended in time, and is asked again now, or killed. next_at: when it is killed; 0 at the last step."""


class StopSequence:
    """Begins once; a later request can only bring the end forward."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._timer: asyncio.TimerHandle | None = None
        self._kill_at = float("inf")

    def request(self, reason: str, grace_seconds: float) -> None:
        """Cancel the code, and take the next steps after the grace period."""
        if self._timer is None:
            self._target.cancel(reason)
            self._schedule(grace_seconds, self._dump_stack)

    def request_within(self, reason: str, grace_seconds: float) -> None:
        """Cancel the code, unless that was done, and kill the process after the grace period."""
        if self._timer is None:
            self._target.cancel(reason)
        kill_at = asyncio.get_running_loop().time() + grace_seconds
        if kill_at < self._kill_at:
            self._kill_at = kill_at
            self._schedule(grace_seconds, self.kill)

    def kill(self) -> None:
        self.cancel_timer()
        self._target.kill()

    def cancel_timer(self) -> None:
        """Take no further step: the process has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _dump_stack(self) -> None:
        self._target.ask_for_stack()
        self._schedule(STACK_SECONDS, self._ask_again)

    def _ask_again(self) -> None:
        stack = self._target.stack()
        seconds = self._target.ask_again()
        self._target.report_refusal(Escalation.ASKED_AGAIN, stack, now_us() + round(seconds * 1e6))
        self._kill_at = asyncio.get_running_loop().time() + seconds
        self._schedule(max(0.0, seconds - STACK_SECONDS), self._dump_stack_again)

    def _dump_stack_again(self) -> None:
        self._target.ask_for_stack()
        self._schedule(STACK_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._target.report_refusal(Escalation.CLOSED, self._target.stack(), 0)
        self.kill()

    def _schedule(self, seconds: float, step: Callable[[], None]) -> None:
        self.cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, step)
