"""Attempts: each start of an action on an executor, as the panel lists them and as bars show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from django.db.models import F

from runs.domain.phases import Phase
from runs.domain.texts import format_bytes
from runs.domain.timeline import AttemptSpan, between_ms, format_duration
from runs.models import Attempt
from runs.queries.rows import ActionRow
from runs.store.bulk import chunks

# What the page calls an outcome, and the mark that it gets.
OUTCOMES: dict[str, tuple[str, str]] = {
    "succeeded": ("Succeeded", "succeeded"),
    "failed": ("Failed", "failed"),
    "aborted": ("Aborted", "aborted"),
    "timed_out": ("Timed out", "timed-out"),
    "interrupted": ("Interrupted", "retrying"),
    "innocent": ("Ended with its process, by another's fault", "retrying"),
    "lost": ("Lost with its executor", "retrying"),
}
LIVE = "Running"
MAX_SPANS = 5  # of one action, the newest: a row must stay short


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One start of the action. leased_at: when an executor took it; status: the mark; duration: empty while it lasts.

    usage: memory and processor time, such as `peak 412 MiB, 3.1 s CPU`; empty where they were not measured.
    uses: what it uses now, while it lasts, such as `12% · 340 MiB`; empty as well.
    """

    number: int
    lease: int
    status_label: str
    status: str
    leased_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration: str
    executor: str
    error_code: str
    error_kind: str
    error_message: str
    output_uri: str
    usage: str
    uses: str


def list_attempts(action_id: int, status: str) -> tuple[AttemptLine, ...]:
    """Every attempt, oldest first; status: the action's, which an attempt that has not ended shares. One statement."""
    return tuple(
        _line(attempt, status)
        for attempt in Attempt.objects.filter(action_id=action_id).order_by("lease_epoch")
    )


def _line(attempt: Attempt, action_status: str) -> AttemptLine:
    ended = attempt.ended_at
    label, status = OUTCOMES.get(attempt.outcome, (LIVE, action_status))
    return AttemptLine(
        number=attempt.number,
        lease=attempt.lease_epoch,
        status_label=label,
        status=status,
        leased_at=attempt.leased_at,
        started_at=attempt.started_at,
        ended_at=ended,
        duration=format_duration(between_ms(attempt.started_at or attempt.leased_at, ended)) if ended else "",
        executor=str(attempt.executor_id or "")[:8],
        error_code=attempt.error_code,
        error_kind=attempt.error_kind,
        error_message=attempt.error_message.strip(),
        output_uri=attempt.output_uri,
        usage=_usage(attempt),
        uses="" if ended else say_uses(attempt.cpu_percent, attempt.memory_bytes),
    )


def _usage(attempt: Attempt) -> str:
    parts = []
    if attempt.peak_memory_bytes is not None:
        parts.append(f"peak {format_bytes(attempt.peak_memory_bytes)}")
    if attempt.cpu_seconds is not None:
        where = "CPU" if attempt.peak_memory_bytes is not None else "on the event loop"
        parts.append(f"{attempt.cpu_seconds:.1f} s {where}")
    return ", ".join(parts)


def say_uses(percent: int | None, memory_bytes: int | None) -> str:
    """Processor time, of one core, and memory; "" where they were not measured."""
    return "" if percent is None or memory_bytes is None else f"{percent}% · {format_bytes(memory_bytes)}"


def read_uses(run_id: int, names: Collection[str]) -> dict[str, str]:
    """What the processes of these actions use now, by name; without those of which nothing is measured. One statement for each 900."""
    found: dict[str, str] = {}
    for some in chunks(list(names)):
        running = Attempt.objects.filter(
            action__run_id=run_id, action__name__in=some, action__phase=Phase.RUNNING,
            lease_epoch=F("action__lease_epoch"), memory_bytes__isnull=False,
        )  # fmt: skip
        for name, *sample in running.values_list("action__name", "cpu_percent", "memory_bytes"):
            found[name] = say_uses(*sample)
    return found


def with_attempts(rows: dict[int, ActionRow]) -> dict[int, ActionRow]:
    """The same rows, those that were queued again with their attempts.

    One statement for each 900 of those; none when there are none, as nearly always.
    """
    again = iter([row.id for row in rows.values() if row.was_queued_again])
    spans: defaultdict[int, list[AttemptSpan]] = defaultdict(list)
    while chunk := list(islice(again, 900)):
        newest = Attempt.objects.filter(
            action_id__in=chunk, lease_epoch__gt=F("action__lease_epoch") - MAX_SPANS
        ).order_by("lease_epoch")
        fields = ("action_id", "outcome", "leased_at", "started_at", "ended_at")
        for action_id, outcome, *times in newest.values_list(*fields):
            spans[action_id].append(AttemptSpan(outcome, *times))
    return rows | {
        action_id: replace(rows[action_id], attempts=tuple(spans[action_id])) for action_id in spans
    }
