"""Use cases of stopping: who is reached by an abort, what stops at once, and what is answered (laws 2-4, 7, 8, 10)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from django.db import transaction

from runs.domain.errors import Conflict, Invalid
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.phases import HELD, UNHELD, Cause, Phase
from runs.domain.selections import Selection, check_found
from runs.engine.book.book import Book, open_run
from runs.engine.book.rows import Row
from runs.engine.targets import list_selected, missing_run
from runs.models import Abort, Run
from runs.store.clock import wall_time

MAX_REASON = 2000


@dataclass(frozen=True, slots=True)
class AbortAnswer:
    """What an abort found. reached: the non-terminal actions that it reached; stopped: of these, ended at once.

    forced: what still runs is not given its grace periods, whoever asked first. is_task: of one that could run again.
    """

    outcome: Literal["requested", "already_requested", "already_ended", "forced"]
    phase: Phase
    requested_at: datetime | None
    requested_by: str
    reason: str
    ended_ago_ms: int | None = None
    reached: int = 0
    stopped: int = 0
    is_task: bool = False


@dataclass(frozen=True, slots=True)
class BulkAnswer:
    """What a bulk abort found among the selected actions and everything below them.

    targets: requests that were recorded, one for each selected action that no other one stands above; reached: live
    actions that they reached; stopped: of these, ended at once.
    """

    targets: int = 0
    reached: int = 0
    stopped: int = 0
    already_asked: int = 0
    finished: int = 0


def request_abort(
    target: RunRef | ActionRef,
    *,
    reason: str,
    actor: str,
    cause: Cause = Cause.EXTERNAL_ABORT,
    force: bool = False,
    clock: Callable[[], datetime] = wall_time,
) -> AbortAnswer:
    """Ask a run, or an action with its subtree, to stop. Durable when it returns; asking again changes nothing.

    force: do not wait for the grace periods of what runs, also of what was asked before; its process may be killed.
    Raises NotFound, or Invalid when the reason is too long.
    """
    check_reason(reason)
    ref = ActionRef(target) if isinstance(target, RunRef) else target
    with transaction.atomic(), open_run(find_run_id(ref.run)) as book:
        row = book.get(ref.name)
        scope = Abort.Scope.RUN if row.parent_id is None else Abort.Scope.ACTION
        at = clock()
        answer = abort_row(book, row, scope=scope, cause=cause, actor=actor, reason=reason, at=at)
        if force and row.is_live:
            _force(book, row, actor=actor, at=at)
            answer = replace(answer, outcome="forced")
        return answer


def _force(book: Book, target: Row, *, actor: str, at: datetime) -> None:
    """Mark what executors hold, from the target down; forcing again changes nothing."""
    for row in (target, *below(book, [target])):
        if row.phase in HELD and row.abort_id is not None and row.forced_at is None:
            book.set(row, forced_at=at)
            book.note(row, cause=Cause.FORCED, actor=actor, at=at)


def request_aborts(run: RunRef, selection: Selection, *, reason: str, actor: str) -> BulkAnswer:
    """Ask the selected actions of a run, with all that is below them, to stop: all in one transaction, or none.

    Asking again changes nothing; what has ended or was asked before is counted. One transaction has one seq, so an
    executor gets the cancels of all its actions in one frame. The number of statements does not grow with that of the actions,
    but for the limit of parameters in one. Raises NotFound (run, action or group) or Invalid (the reason is too long).
    """
    check_reason(reason)
    at = wall_time()
    with transaction.atomic(), open_run(find_run_id(run)) as book:
        selected = _find_selected(book, selection)
        below_them = book.descendants([row.id for row in selected])
        scope = sorted({row.id: row for row in (*selected, *below_them)}.values(), key=lambda row: row.id)
        already_asked = sum(row.is_live and row.abort_id is not None for row in scope)
        finished = sum(not row.is_live for row in scope)
        reached_by = _share_out(scope, {row.id for row in selected})
        targets = book.by_id(reached_by)
        requests = _record_aborts(book, targets, actor=actor, reason=reason, at=at)
        stopped = sum(_reach(book, reached_by[one.target_id], one, at=at) for one in requests)
        reached = sum(map(len, reached_by.values()))
        return BulkAnswer(len(targets), reached, stopped, already_asked, finished)


def _find_selected(book: Book, selection: Selection) -> list[Row]:
    """The selected actions, whatever their phase; NotFound when one of the names, or the group, is not there."""
    selected = list_selected(book.run.pk, selection)
    check_found(selection, list(selected), book.run.name)
    return book.by_id(selected.values())


def _share_out(scope: Iterable[Row], selected: Collection[int]) -> dict[int, list[Row]]:
    """The live rows that each target reaches, by the target's id; parents come before their children.

    A selected row below a target is reached by that one, so that the chain of law 12 leads to what stopped its parent.
    """
    target_of: dict[int, int] = {}
    reached_by: dict[int, list[Row]] = {}
    for row in scope:
        is_open = row.is_live and row.abort_id is None
        target = target_of.get(row.parent_id or 0)
        if target is None and is_open and row.id in selected:
            target = row.id
        if target is not None:
            target_of[row.id] = target
            if is_open:
                reached_by.setdefault(target, []).append(row)
    return reached_by


def record_abort(
    book: Book, target: Row, *, scope: str, cause: Cause, actor: str, reason: str, at: datetime
) -> Abort:
    """Insert the request; whoever asks for it decides whom it reaches."""
    return Abort.objects.create(
        run=book.run, target_id=target.id, scope=scope, cause=cause, actor=actor, reason=reason, requested_at=at,
    )  # fmt: skip


def _record_aborts(
    book: Book, targets: Iterable[Row], *, actor: str, reason: str, at: datetime
) -> list[Abort]:
    """One request for each target, inserted in bulk."""
    return Abort.objects.bulk_create(
        Abort(
            run=book.run, target_id=row.id, cause=Cause.EXTERNAL_ABORT, actor=actor, reason=reason, requested_at=at,
            scope=Abort.Scope.ACTION if row.parent_id else Abort.Scope.RUN,
        )
        for row in targets
    )  # fmt: skip


def add_reason(ref: ActionRef, *, reason: str, actor: str, clock: Callable[[], datetime] = wall_time) -> None:
    """Give the abort that reached an action the reason that it lacks, also when the action has stopped. The first one stays (law 10).

    Raises NotFound, Invalid (no reason, or one that is too long), or Conflict: nobody has aborted it, somebody else has, or
    there is a reason.
    """
    check_reason(reason)
    if not reason:
        raise Invalid("the reason is empty")
    with transaction.atomic(), open_run(find_run_id(ref.run)) as book:
        row = book.get(ref.name)
        abort = Abort.objects.filter(pk=row.abort_id or 0, cause=Cause.EXTERNAL_ABORT).first()
        if abort is None:
            raise Conflict(f"nobody has aborted action {row.name}")
        if abort.actor != actor:
            raise Conflict(
                f"{abort.actor} has aborted action {row.name}, and nobody else can give the reason"
            )
        if abort.reason:
            raise Conflict(f"the reason was given already, and it stays: {abort.reason}")
        book.set_reason(abort, reason)
        book.note(row, cause=Cause.REASON_ADDED, actor=actor, at=clock())


def check_reason(reason: str) -> None:
    if len(reason) > MAX_REASON:
        raise Invalid(f"the reason has {len(reason)} characters; at most {MAX_REASON} are kept")


def find_run_id(ref: RunRef) -> int:
    """The run's id, or NotFound with its name. One statement."""
    runs = Run.objects.filter(project__name=ref.project, domain=ref.domain, name=ref.name)
    if (run_id := runs.values_list("pk", flat=True).first()) is None:
        raise missing_run(ref)
    return run_id


def abort_row(
    book: Book, row: Row, *, scope: str, cause: Cause, actor: str, reason: str, at: datetime
) -> AbortAnswer:
    """Abort one action and its live descendants, unless it ended or was asked before."""
    if not row.is_live:
        ago = int((at - row.ended_at).total_seconds() * 1000) if row.ended_at else None
        return AbortAnswer("already_ended", row.phase, None, "", "", ended_ago_ms=ago)
    if row.abort_id is not None and row.is_ending:
        first = Abort.objects.get(pk=row.abort_id)
        return AbortAnswer("already_requested", row.phase, first.requested_at, first.actor, first.reason)
    reached = [row, *below(book, [row])]
    book.flush()
    abort = record_abort(book, row, scope=scope, cause=cause, actor=actor, reason=reason, at=at)
    stopped = _reach(book, reached, abort, at=at)
    return AbortAnswer(
        "requested", row.phase, at, actor, reason,
        reached=sum(1 for one in reached if one.abort_id == abort.pk), stopped=stopped,
        is_task=row.spec_id is not None,
    )  # fmt: skip


def below(book: Book, rows: Iterable[Row]) -> list[Row]:
    """The live descendants of these rows, nearest to the top first. A whole run is read without walking the tree."""
    rows = list(rows)
    if any(row.name == ROOT for row in rows):
        return [row for row in book.live() if row.name != ROOT]
    return book.live_descendants([row.id for row in rows])


def abort_left_behind(book: Book, ended: Row, *, at: datetime) -> None:
    """Law 7: abort what still lives below an action that has just ended."""
    left = [row for row in below(book, [ended]) if not row.is_ending]
    if not left:
        return
    cause = Cause.ROOT_ENDED if ended.name == ROOT else Cause.PARENT_ENDED
    why = f"{ended.short_name or 'action'} ({ended.name}) {ended.phase.label.lower()}"
    abort = record_abort(
        book, ended, scope=Abort.Scope.ACTION, cause=cause, actor=ended.name, reason=why, at=at
    )
    _reach(book, left, abort, at=at)


def _reach(book: Book, rows: Iterable[Row], abort: Abort, *, at: datetime) -> int:
    """Mark the rows that no abort has reached yet; what nobody runs stops here. Returns how many stopped."""
    stopped = 0
    for row in rows:
        if row.is_ending:
            continue
        # A timeout that would have left a retry gives way: what is aborted is not tried again.
        if row.exceeded:
            book.set(row, exceeded="", delivered_at=None)
        book.set(row, abort_id=abort.pk, due_at=None)
        if row.phase in UNHELD:
            book.move(row, Phase.ABORTED, cause=Cause(abort.cause), actor=abort.actor, at=at)
            stopped += 1
        else:
            book.note(row, cause=Cause(abort.cause), actor=abort.actor, at=at)
    return stopped
