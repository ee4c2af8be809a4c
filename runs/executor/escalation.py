"""Law 6 for actions on the event loop: what was told to stop and does not is told again, then closed, then costs the process.

Decided on the link's thread, which user code cannot block; what touches tasks is posted to the user's loop. A cancel costs
no timer of its own: those of one frame share theirs, and most actions have ended when it rings.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from runs.executor.closing import close_tasks, stack_of_action, stack_of_loop
from runs.executor.frames import Cancel, Event, Key, Refusing, now_us
from runs.executor.held import Ending, Held, Stage
from runs.executor.outbox import Outbox
from runs.phases import Escalation as Step

ANSWER_SECONDS = 2.0  # a loop that does not answer for that long is blocked, as the probe says it
FORCED_ANSWER_SECONDS = 1.0
FORCED_CLEANING_SECONDS = 0.1  # between the cancel and the closing of a forced abort
LOST_CLEANING_SECONDS = 1.0  # the same when the lease is lost, and somebody else may have it


class Link(Protocol):
    """What this needs of the link; `call_later` on its thread only."""

    outbox: Outbox

    def call_later(self, seconds: float, function: Callable[[], None]) -> None: ...


class Escalation:
    """Watches what was told to stop. Call its public methods on the link's thread."""

    def __init__(
        self,
        held: Mapping[Key, Held],
        link: Link,
        *,
        post: Callable[[Callable[[Any], None], Any], None],
        finish: Callable[[Held, Ending], None],
    ) -> None:
        self._held = held
        self._link = link
        self._post = post
        self._finish = finish
        self.grace_seconds = 30.0
        self.is_loop_blocked = False
        self.on_last_step: Callable[[], None] = lambda: None

    def watch(self, cancels: Iterable[Cancel]) -> None:
        """See that these actions stop. Told again, a cancel changes nothing; a forced one may follow another."""
        asked: list[Cancel] = []
        forced: list[Cancel] = []
        for cancel in cancels:
            if (held := self._find(cancel)) is None:
                continue
            if cancel.is_forced and not held.is_forced:
                held.is_forced = True
                forced.append(cancel)
            elif not held.is_watched:
                asked.append(cancel)
            held.is_watched = True
        if asked:
            self._link.call_later(self.grace_seconds, partial(self._ask_again, asked))
        if forced:
            self._force(forced)

    def lost(self, held: Held) -> None:
        """Its lease is lost and it was told to stop: somebody else may run the action, so it has little time."""
        self._post(partial(self._close_later, LOST_CLEANING_SECONDS), [held])
        self._link.call_later(LOST_CLEANING_SECONDS + ANSWER_SECONDS, partial(self._check_lost, held))

    def _find(self, cancel: Cancel) -> Held | None:
        """What is to stop, if it has not: isolated actions are in other hands."""
        held = self._held.get(cancel.key)
        if held is None or held.lease.epoch != cancel.epoch or held.is_isolated or not held.may_speak:
            return None
        return held

    def _refusing(self, cancels: Iterable[Cancel]) -> list[Held]:
        """Those of them that have not stopped. What has not begun ends here, also when its loop is blocked."""
        refusing = []
        for cancel in cancels:
            if (held := self._find(cancel)) is None:
                continue
            if held.stage is Stage.WAITING:
                held.cancel = cancel.note
                self._finish(held, Ending("cancelled"))
            else:
                refusing.append(held)
        return refusing

    # The steps.

    def _ask_again(self, asked: list[Cancel]) -> None:
        refusing = [held for held in self._refusing(asked) if not held.is_forced]
        if not refusing:
            return
        next_at = now_us() + int(self.grace_seconds * 1e6)
        answered = threading.Event()

        def ask(refusing: list[Held]) -> None:
            answered.set()
            self._ask_again_there(refusing, next_at)

        def check() -> None:
            if not answered.is_set():
                self._report(refusing, Step.ASKED_AGAIN, next_at)

        self._post(ask, refusing)
        self._link.call_later(min(ANSWER_SECONDS, self.grace_seconds / 2), check)
        self._link.call_later(self.grace_seconds, partial(self._close, asked))

    def _close(self, asked: list[Cancel]) -> None:
        refusing = [held for held in self._refusing(asked) if not held.is_forced]
        if refusing:
            self._post(self._close_there, refusing)
            self._link.call_later(ANSWER_SECONDS, partial(self._give_up, asked))

    def _force(self, forced: list[Cancel]) -> None:
        refusing = self._refusing(forced)
        if self.is_loop_blocked:
            self._give_up(forced)
        elif refusing:
            self._post(partial(self._close_later, FORCED_CLEANING_SECONDS), refusing)
            self._link.call_later(FORCED_ANSWER_SECONDS, partial(self._give_up, forced))

    def _give_up(self, cancels: list[Cancel]) -> None:
        """Only the end of this process is left for what still has not stopped."""
        if refusing := self._refusing(cancels):
            self._report(refusing, Step.PROCESS, 0)
            self.on_last_step()

    def _check_lost(self, held: Held) -> None:
        if held.task is not None and not held.task.done():
            self.on_last_step()

    def _report(self, refusing: Iterable[Held], step: Step, next_at: int) -> None:
        stack = stack_of_loop()
        for held in refusing:
            if held.may_speak:
                self._link.outbox.put(refusal(held, step, stack, next_at))

    # The user's loop.

    def _ask_again_there(self, refusing: list[Held], next_at: int) -> None:
        for held in refusing:
            if held.may_speak and held.task is not None and held.cancel is not None:
                self._link.outbox.put(refusal(held, Step.ASKED_AGAIN, stack_of_action(held), next_at))
                held.task.cancel(held.cancel.reason or held.cancel.cause)

    def _close_later(self, seconds: float, refusing: list[Held]) -> None:
        asyncio.get_running_loop().call_later(seconds, self._close_there, refusing)

    def _close_there(self, refusing: list[Held]) -> None:
        next_at = now_us() + int(ANSWER_SECONDS * 1e6)
        for held in refusing:
            if held.task is None or held.task.done():
                continue
            if held.may_speak:
                self._link.outbox.put(refusal(held, Step.CLOSED, stack_of_action(held), next_at))
            held.is_closed = True
            close_tasks(held)


def refusal(held: Held, step: Step, stack: str, next_at: int) -> Event:
    return Refusing(
        key=held.key, epoch=held.lease.epoch, at=now_us(), step=int(step), stack=stack, next_at=next_at
    )
