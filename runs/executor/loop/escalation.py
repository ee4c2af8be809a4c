"""Law 6 for actions on the event loop: what does not stop is cancelled again, then closed, then costs the process.

Decided on the link's thread, which user code cannot block; what touches tasks is posted to the user's loop. The cancels of
a frame share one timer, and most of their actions have ended when it fires.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from runs.domain.phases import Escalation as Step
from runs.executor.attempt.attempt import Attempt, Ending
from runs.executor.attempt.stacks import stack_of_action, stack_of_loop
from runs.executor.attempt.state import State, Stop
from runs.executor.link.outbox import Outbox
from runs.executor.loop.closing import close_tasks
from runs.executor.loop.leftovers import Leftovers
from runs.protocol.frames import Cancel, Event, Key, Refusing, now_us

RESPONSE_SECONDS = 2.0  # a loop that does not respond for so long is blocked, as for the probe
FORCED_RESPONSE_SECONDS = 1.0
PROCESS_SECONDS = 4.0  # that the end of a process may take
FORCED_CLEANUP_SECONDS = 0.1  # between the cancel and the closing of a forced abort
LOST_CLEANUP_SECONDS = 1.0  # the same when the lease is lost, and another executor may run the action


class Link(Protocol):
    """What this needs of the link; `call_later` on its thread only, `call_soon` on any."""

    outbox: Outbox

    def call_soon(self, function: Callable[..., object], *args: Any) -> None: ...
    def call_later(self, seconds: float, function: Callable[[], None]) -> None: ...


class Escalation:
    """Enforces stops that the server demands. Call its public methods on the link's thread."""

    def __init__(
        self,
        attempts: Mapping[Key, Attempt],
        link: Link,
        leftovers: Leftovers,
        *,
        post: Callable[[Callable[[Any], None], Any], None],
        finish: Callable[[Attempt, Ending], None],
        on_last_step: Callable[[], None],
    ) -> None:
        self._attempts = attempts
        self._link = link
        self._leftovers = leftovers
        self._post = post
        self._finish = finish
        self._on_last_step = on_last_step
        self.grace_seconds = 30.0
        self.is_loop_blocked = False
        self.blocked_by: Attempt | None = None

    def set_blocked(self, by: Attempt | None) -> None:
        self.is_loop_blocked, self.blocked_by = True, by

    def watch(self, cancels: Iterable[Cancel]) -> None:
        """Enforce these cancels. A repeated one changes nothing; a forced one may follow another."""
        gentle: list[Cancel] = []
        forced: list[Cancel] = []
        for cancel in cancels:
            if (attempt := self._find(cancel)) is None:
                continue
            if attempt.demand(Stop.FORCED if cancel.is_forced else Stop.ABORT):
                (forced if cancel.is_forced else gentle).append(cancel)
        if gentle:
            self._link.call_later(self.grace_seconds, partial(self._cancel_again, gentle))
            seconds = max(self.grace_seconds - PROCESS_SECONDS, self.grace_seconds / 2)
            self._link.call_later(seconds, partial(self._free, gentle))
        if forced:
            self._force(forced)

    def lost(self, attempt: Attempt) -> None:
        """Its lease is lost and its task cancelled. Another executor may run the action, so it gets little time."""
        self._post(partial(self._close_later, LOST_CLEANUP_SECONDS), [attempt])
        self._link.call_later(LOST_CLEANUP_SECONDS + RESPONSE_SECONDS, partial(self._check_lost, attempt))

    def _find(self, cancel: Cancel) -> Attempt | None:
        """The attempt to stop, if it has not stopped. `ProcessPool` stops isolated ones."""
        attempt = self._attempts.get(cancel.key)
        if (
            attempt is None
            or attempt.lease.epoch != cancel.epoch
            or attempt.is_isolated
            or not attempt.is_active
        ):
            return None
        return attempt

    def _refusing(self, cancels: Iterable[Cancel]) -> list[Attempt]:
        """The attempts that have not stopped. One that has not begun ends here, even if its loop is blocked."""
        refusing = []
        for cancel in cancels:
            if (attempt := self._find(cancel)) is None:
                continue
            if attempt.state is State.LEASED or self._waits_to_begin(attempt):
                attempt.request_abort(cancel.note)
                self._finish(attempt, Ending("cancelled"))
            else:
                refusing.append(attempt)
        return refusing

    def _free(self, gentle: list[Cancel]) -> None:
        """What only waits for a loop that another action blocks does not refuse: the process ends for it in time."""
        if not self.is_loop_blocked or self.blocked_by is None:
            return
        held_up = [attempt for attempt in self._refusing(gentle) if attempt is not self.blocked_by]
        if held_up:
            self._report(held_up, Step.PROCESS, 0)
            self._on_last_step()

    def _waits_to_begin(self, attempt: Attempt) -> bool:
        return self.is_loop_blocked and attempt.state is State.LOADING and attempt is not self.blocked_by

    # The steps.

    def _cancel_again(self, gentle: list[Cancel]) -> None:
        refusing = [attempt for attempt in self._refusing(gentle) if attempt.demanded is not Stop.FORCED]
        if not refusing:
            return
        next_at = now_us() + int(self.grace_seconds * 1e6)
        has_responded = threading.Event()

        def cancel_there(refusing: list[Attempt]) -> None:
            has_responded.set()
            self._cancel_again_there(refusing, next_at)

        def check() -> None:
            if not has_responded.is_set():
                self._report(refusing, Step.ASKED_AGAIN, next_at)

        self._post(cancel_there, refusing)
        self._link.call_later(min(RESPONSE_SECONDS, self.grace_seconds / 2), check)
        self._link.call_later(self.grace_seconds, partial(self._close, gentle))

    def _close(self, gentle: list[Cancel]) -> None:
        refusing = [attempt for attempt in self._refusing(gentle) if attempt.demanded is not Stop.FORCED]
        if refusing:
            self._post(self._close_there, refusing)
            self._link.call_later(RESPONSE_SECONDS, partial(self._give_up, gentle))

    def _force(self, forced: list[Cancel]) -> None:
        refusing = self._refusing(forced)
        if self.is_loop_blocked:
            self._give_up(forced)
        elif refusing:
            self._post(partial(self._close_later, FORCED_CLEANUP_SECONDS), refusing)
            self._link.call_later(FORCED_RESPONSE_SECONDS, partial(self._give_up, forced))

    def _give_up(self, cancels: list[Cancel]) -> None:
        """What still has not stopped ends only with this process."""
        if refusing := self._refusing(cancels):
            self._report(refusing, Step.PROCESS, 0)
            self._on_last_step()

    def _check_lost(self, attempt: Attempt) -> None:
        if attempt.task is not None and (not attempt.task.done() or self._leftovers.holds(attempt)):
            self._on_last_step()

    def _report(self, refusing: Iterable[Attempt], step: Step, next_at: int) -> None:
        loop_stack = stack_of_loop()
        for attempt in refusing:
            if attempt.is_active:
                has_ended = self._leftovers.holds(attempt)
                is_held_up = self.is_loop_blocked and self.blocked_by not in {None, attempt} and not has_ended
                stack = stack_of_action(attempt) if has_ended else loop_stack
                self._link.outbox.put(refusal(attempt, step, stack, next_at, is_held_up=is_held_up))

    # The user's loop.

    def _cancel_again_there(self, refusing: list[Attempt], next_at: int) -> None:
        for attempt in refusing:
            if attempt.is_active and attempt.task is not None and attempt.abort is not None:
                self._link.outbox.put(refusal(attempt, Step.ASKED_AGAIN, stack_of_action(attempt), next_at))
                attempt.task.cancel(attempt.abort.reason or attempt.abort.cause)
                self._link.call_soon(self._leftovers.insist, attempt)

    def _close_later(self, seconds: float, refusing: list[Attempt]) -> None:
        asyncio.get_running_loop().call_later(seconds, self._close_there, refusing)

    def _close_there(self, refusing: list[Attempt]) -> None:
        next_at = now_us() + int(RESPONSE_SECONDS * 1e6)
        for attempt in refusing:
            if attempt.task is None or (attempt.task.done() and not self._leftovers.holds(attempt)):
                continue
            if attempt.is_active:
                self._link.outbox.put(refusal(attempt, Step.CLOSED, stack_of_action(attempt), next_at))
            attempt.close()
            close_tasks(attempt)
            self._link.call_soon(self._leftovers.insist, attempt)


def refusal(attempt: Attempt, step: Step, stack: str, next_at: int, *, is_held_up: bool = False) -> Event:
    return Refusing(
        key=attempt.key, epoch=attempt.lease.epoch, at=now_us(), step=int(step), stack=stack, next_at=next_at,
        is_held_up=is_held_up,
    )  # fmt: skip
