"""What a test sees of actions between two steps, and what the laws say of the difference."""

from __future__ import annotations

from typing import NamedTuple

from runs.domain.limits import DEADLINE
from runs.domain.phases import TERMINAL, Phase
from runs.models import Action
from runs.protocol.frames import Key


class ActionState(NamedTuple):
    """An action after a step."""

    parent: str | None
    phase: Phase
    abort: int | None
    reason: str | None
    ended_at: object
    error: str
    output: str
    attempt: int
    lease_epoch: int
    executor: object
    delivered_at: object
    system_failures: int
    max_attempts: int
    exceeded: str

    @property
    def is_stopping(self) -> bool:
        """It has ended or is being aborted, so that nothing may begin below it."""
        return self.phase in TERMINAL or self.is_aborting

    @property
    def is_aborting(self) -> bool:
        """For good; a limit that leaves a retry stops the attempt only."""
        has_retry = self.exceeded not in {"", DEADLINE} and self.attempt < self.max_attempts
        return self.abort is not None and not has_retry


COLUMNS = [
    "run_id", "name", "parent__name", "phase", "abort_id", "abort__reason", "ended_at", "error_code", "output_uri",
    "attempt", "lease_epoch", "executor_id", "delivered_at", "system_failures",
    "max_attempts", "exceeded",
]  # fmt: skip


def look() -> dict[Key, ActionState]:
    rows = Action.objects.order_by("pk").values_list(*COLUMNS)
    return {
        Key(run, name): ActionState(parent, Phase(phase), *rest) for run, name, parent, phase, *rest in rows
    }


def check_step(key: Key, was: ActionState, now: ActionState) -> None:
    if was.phase in TERMINAL:
        assert now == was, f"law 1: {key} was rewritten"
    if was.abort is not None and not was.is_aborting:
        goes_on = now.abort == was.abort or now.is_aborting
        tried_again = now.attempt > was.attempt  # and, between two looks, may be further than that
        assert goes_on or tried_again, f"{key} exceeded a limit and is {now}"
    elif was.abort is not None:
        assert (now.abort, now.reason) == (was.abort, was.reason), f"law 10: the abort of {key} changed"
        stopped = Phase.TIMED_OUT if was.exceeded else Phase.ABORTED
        assert now.phase in {was.phase, Phase.RUNNING, stopped}, f"law 4: {key} is {now.phase}"
        assert now.attempt == was.attempt, f"{key} was tried again while being aborted"
    assert was.attempt <= now.attempt, key
    assert was.lease_epoch <= now.lease_epoch, key
    if was.executor not in {None, now.executor} and now.executor is not None:
        assert now.lease_epoch > was.lease_epoch, f"law 11: {key} changed hands within one lease"
