"""What a test sees of actions between two steps, and what the laws say of the difference."""

from __future__ import annotations

from typing import NamedTuple

from runs.executor.frames import Key
from runs.models import Action
from runs.phases import TERMINAL, Phase


class Seen(NamedTuple):
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

    @property
    def is_stopping(self) -> bool:
        """It has ended or is being aborted, so that nothing may begin below it."""
        return self.phase in TERMINAL or self.abort is not None


COLUMNS = [
    "run_id", "name", "parent__name", "phase", "abort_id", "abort__reason", "ended_at", "error_code", "output_uri",
    "attempt", "lease_epoch", "executor_id", "delivered_at", "system_failures",
]  # fmt: skip


def look() -> dict[Key, Seen]:
    rows = Action.objects.order_by("pk").values_list(*COLUMNS)
    return {Key(run, name): Seen(parent, Phase(phase), *rest) for run, name, parent, phase, *rest in rows}


def check_step(key: Key, was: Seen, now: Seen) -> None:
    if was.phase in TERMINAL:
        assert now == was, f"law 1: {key} was rewritten"
    if was.abort is not None:
        assert (now.abort, now.reason) == (was.abort, was.reason), f"law 10: the abort of {key} changed"
        assert now.phase in {was.phase, Phase.RUNNING, Phase.ABORTED}, f"law 4: {key} is {now.phase}"
        assert now.attempt == was.attempt, f"{key} was tried again while being aborted"
    assert was.attempt <= now.attempt, key
    assert was.lease_epoch <= now.lease_epoch, key
    if was.executor not in {None, now.executor} and now.executor is not None:
        assert now.lease_epoch > was.lease_epoch, f"law 11: {key} changed hands within one lease"
