"""The attempts of an action: each start on an executor, how it ended and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runs.models import Attempt
from runs.timeline import between_ms, duration_words

# What the page calls an outcome, and the mark that it gets.
OUTCOMES: dict[str, tuple[str, str]] = {
    "succeeded": ("Succeeded", "succeeded"),
    "failed": ("Failed", "failed"),
    "aborted": ("Aborted", "aborted"),
    "timed_out": ("Timed out", "timed-out"),
    "interrupted": ("Interrupted", "retrying"),
    "lost": ("Lost with its executor", "retrying"),
}
LIVE = "Running"


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One start of the action. leased_at: when an executor took it; look: the mark; duration: empty while it lasts."""

    number: int
    lease: int
    word: str
    look: str
    leased_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration: str
    executor: str
    error_code: str
    error_kind: str
    error_message: str
    output_uri: str


def list_attempts(action_id: int, look: str) -> tuple[AttemptLine, ...]:
    """Every attempt, oldest first; look: the action's, which an attempt that has not ended shares. One statement."""
    return tuple(
        _line(attempt, look)
        for attempt in Attempt.objects.filter(action_id=action_id).order_by("lease_epoch")
    )


def _line(attempt: Attempt, action_look: str) -> AttemptLine:
    ended = attempt.ended_at
    word, look = OUTCOMES.get(attempt.outcome, (LIVE, action_look))
    return AttemptLine(
        number=attempt.number,
        lease=attempt.lease_epoch,
        word=word,
        look=look,
        leased_at=attempt.leased_at,
        started_at=attempt.started_at,
        ended_at=ended,
        duration=duration_words(between_ms(attempt.started_at or attempt.leased_at, ended)) if ended else "",
        executor=str(attempt.executor_id or "")[:8],
        error_code=attempt.error_code,
        error_kind=attempt.error_kind,
        error_message=attempt.error_message.strip(),
        output_uri=attempt.output_uri,
    )
