"""The limits of an action in time (PROTOCOL.md §2.11): which one counts, and the message of its error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

# The codes of the errors.
MAX_RUNTIME = "MAX_RUNTIME_EXCEEDED"
QUEUED_TIMEOUT = "QUEUED_TIMEOUT_EXCEEDED"
DEADLINE = "DEADLINE_EXCEEDED"
CONDITION_TIMEOUT = "ConditionTimedOut"

MAX_SECONDS = 10 * 365 * 86400.0  # longer durations count as this, so that sums with a date stay dates


class Limited(Protocol):
    """An action with its limits; 0 seconds and None mean that there is none."""

    attempt: int
    max_runtime_seconds: float
    queued_timeout_seconds: float
    deadline_at: datetime | None


def strongest(action: Limited, code: str, at: datetime) -> str:
    """The limit that counts: the deadline, once it has passed, even when another one has stopped the attempt."""
    has_passed = action.deadline_at is not None and action.deadline_at <= at
    return DEADLINE if has_passed and code != CONDITION_TIMEOUT else code


def message_of(action: Limited, code: str) -> str:
    """The message of the error of an attempt that exceeded this limit."""
    if code == QUEUED_TIMEOUT:
        return f"attempt {action.attempt} was queued longer than its limit of {action.queued_timeout_seconds:g} s"
    if code == MAX_RUNTIME:
        return f"attempt {action.attempt} ran longer than its limit of {action.max_runtime_seconds:g} s"
    assert action.deadline_at is not None
    until = f"{action.deadline_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if code == CONDITION_TIMEOUT:
        return f"nobody signalled it before {until}"
    return f"it did not end before its deadline, {until}"
