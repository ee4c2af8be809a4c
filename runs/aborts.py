"""Use cases of stopping: who is reached by an abort, what stops at once, and what is answered (laws 2-4, 7, 8, 10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.utils import timezone

from runs import transitions
from runs.errors import Invalid, NotFound
from runs.models import Abort, Run
from runs.names import ROOT, ActionRef, RunRef
from runs.phases import UNHELD, Cause, Phase
from runs.transitions import Book, Row

DEFAULT_REASON = "User requested abort"
MAX_REASON = 2000


@dataclass(frozen=True, slots=True)
class AbortAnswer:
    """What an abort found. reached: the non-terminal actions that it reached; stopped: of these, ended at once."""

    outcome: Literal["requested", "already_requested", "already_ended"]
    phase: Phase
    requested_at: datetime | None
    requested_by: str
    reason: str
    ended_ago_ms: int | None = None
    reached: int = 0
    stopped: int = 0


def request_abort(
    target: RunRef | ActionRef, *, reason: str, actor: str, cause: Cause = Cause.EXTERNAL_ABORT
) -> AbortAnswer:
    """Ask a run, or an action with its subtree, to stop. Durable when it returns; asking again changes nothing.

    Raises NotFound, or Invalid when the reason is too long.
    """
    if len(reason) > MAX_REASON:
        raise Invalid(f"the reason has {len(reason)} characters; at most {MAX_REASON} are kept")
    ref = ActionRef(target) if isinstance(target, RunRef) else target
    with transaction.atomic(), transitions.open_run(find_run_id(ref.run)) as book:
        row = book.get(ref.name)
        scope = Abort.Scope.RUN if row.parent_id is None else Abort.Scope.ACTION
        return abort_row(book, row, scope=scope, cause=cause, actor=actor, reason=reason, at=timezone.now())


def find_run_id(ref: RunRef) -> int:
    """The run's id, or NotFound with its name. One statement."""
    runs = Run.objects.filter(project__name=ref.project, domain=ref.domain, name=ref.name)
    if (run_id := runs.values_list("pk", flat=True).first()) is None:
        raise NotFound(f"there is no run {ref.name!r} in project {ref.project!r}, domain {ref.domain!r}")
    return run_id


def abort_row(
    book: Book, row: Row, *, scope: str, cause: Cause, actor: str, reason: str, at: datetime
) -> AbortAnswer:
    """Abort one action and its live descendants, unless it ended or was asked before."""
    if not row.is_live:
        ago = int((at - row.ended_at).total_seconds() * 1000) if row.ended_at else None
        return AbortAnswer("already_ended", row.phase, None, "", "", ended_ago_ms=ago)
    if row.abort_id is not None:
        first = Abort.objects.get(pk=row.abort_id)
        return AbortAnswer("already_requested", row.phase, first.requested_at, first.actor, first.reason)
    reached = [row, *below(book, [row])]
    reason = reason or DEFAULT_REASON
    book.flush()
    abort = transitions.record_abort(book, row, scope=scope, cause=cause, actor=actor, reason=reason, at=at)
    stopped = _reach(book, reached, abort, at=at)
    return AbortAnswer(
        "requested", row.phase, at, actor, reason,
        reached=sum(1 for one in reached if one.abort_id == abort.pk), stopped=stopped,
    )  # fmt: skip


def below(book: Book, rows: Iterable[Row]) -> list[Row]:
    """The live descendants of these rows, nearest to the top first. A whole run is read without walking the tree."""
    rows = list(rows)
    if any(row.name == ROOT for row in rows):
        return [row for row in book.live() if row.name != ROOT]
    return book.live_descendants([row.id for row in rows])


def abort_left_behind(book: Book, ended: list[Row], *, at: datetime) -> None:
    """Law 7: abort what still lives below actions that have just ended. No statement when nothing lives there."""
    for row in ended:
        left = [one for one in below(book, [row]) if one.abort_id is None]
        if not left:
            continue
        cause = Cause.ROOT_ENDED if row.name == ROOT else Cause.PARENT_ENDED
        why = f"{row.short_name or 'action'} ({row.name}) {row.phase.label.lower()}"
        abort = transitions.record_abort(
            book, row, scope=Abort.Scope.ACTION, cause=cause, actor=row.name, reason=why, at=at
        )
        _reach(book, left, abort, at=at)


def _reach(book: Book, rows: Iterable[Row], abort: Abort, *, at: datetime) -> int:
    """Mark the rows that no abort has reached yet; what nobody runs stops here. Returns how many stopped."""
    stopped = 0
    for row in rows:
        if row.abort_id is not None:
            continue
        book.set(row, abort_id=abort.pk)
        if row.phase in UNHELD:
            book.move(row, Phase.ABORTED, cause=Cause(abort.cause), actor=abort.actor, at=at)
            stopped += 1
        else:
            book.note(row, cause=Cause(abort.cause), actor=abort.actor, at=at)
    return stopped
