"""Use cases of executors: who may run what, and what happens to it when an executor leaves (law 11's epochs).

A lease is an action's (executor, lease_epoch). The epoch grows with each lease, so a report that carries an older one
is refused. A slot is free exactly when its action is no longer live or no longer leased to that executor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from runs import events, transitions
from runs.aborts import abort_left_behind
from runs.errors import LeaseLost
from runs.executor import frames
from runs.grace import grace_seconds
from runs.models import Abort, Action, Attempt, Executor, TaskSpec
from runs.names import ROOT
from runs.phases import LIVE, TERMINAL, Cause, Escalation, Phase
from runs.timeouts import stopped
from runs.transitions import Book, Row

MAX_SYSTEM_FAILURES = 3  # consecutive; the fourth ends the action
TOO_MANY = "MaxSystemFailuresExceeded"
_LIVE = sorted(LIVE)
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Connected:
    """An executor that said hello.

    kill: what it holds although it is not its any more. missing: what it was to hold, but the lease was lost on the way.
    """

    executor_id: UUID
    pool_id: int
    epoch: int
    acked: int
    kill: list[frames.Key]
    missing: list[frames.Lease]
    run_ids: list[int]
    grace_seconds: float
    away_seconds: float | None = None  # None at the first connection


def connect_executor(hello: frames.Hello) -> Connected:
    """Take an executor in, first time or again. Raises LeaseLost when the server has given it up."""
    held = {(one.key.run, one.key.name): one.epoch for one in hello.held}
    with transaction.atomic():
        executor = Executor.objects.select_for_update().filter(pk=hello.executor).first()
        # An id is of one process only. A lower epoch than ours is one whose Welcome was lost on the way.
        if executor is None or executor.state == Executor.State.GONE or hello.epoch > executor.epoch:
            raise LeaseLost(f"executor {hello.executor} is not known with epoch {hello.epoch}; it must stop")
        executor.epoch += 1
        if executor.state != Executor.State.STOPPING:
            executor.state = state_when_here(executor)
        executor.host, executor.pid, executor.capacity = hello.host, hello.pid, hello.capacity
        left_at = executor.disconnected_at or executor.heard_at
        executor.connected_at, executor.disconnected_at = timezone.now(), None
        executor.heard_at = executor.connected_at
        executor.save()
        mine = {
            (run_id, name): epoch
            for run_id, name, epoch in Action.objects.filter(executor=executor, phase__in=_LIVE).values_list(
                "run_id", "name", "lease_epoch"
            )
        }
        kill = [frames.Key(*key) for key, epoch in held.items() if mine.get(key) != epoch]
        missing = _lease_again([key for key, epoch in mine.items() if held.get(key) != epoch])
        events.publish(events.WORKERS)
    runs = sorted({run_id for run_id, _ in mine})
    grace = grace_seconds(executor.pool.env, settings.ABORT_GRACE_SECONDS)
    away = (executor.connected_at - left_at).total_seconds() if left_at else None
    return Connected(
        executor.pk, executor.pool_id, executor.epoch, executor.acked_seq, kill, missing, runs, grace, away
    )


def state_when_here(executor: Executor) -> Executor.State:
    """What an executor is whose link is up and whose loop runs. Who was asked to leave still is when it comes back."""
    return Executor.State.DRAINING if executor.drain_asked_at else Executor.State.CONNECTED


def _lease_again(keys: Iterable[tuple[int, str]]) -> list[frames.Lease]:
    """The frames of leases that exist, for an executor that never got them."""
    names: dict[int, list[str]] = defaultdict(list)
    for run_id, name in keys:
        names[run_id].append(name)
    leases: list[frames.Lease] = []
    for run_id, run_names in sorted(names.items()):
        with transitions.open_run(run_id) as book:
            book.load(run_names)
            rows = [book.get(name) for name in run_names]
            specs = read_specs(row.spec_id for row in rows)
            for row in rows:
                spec = specs[row.spec_id] if row.spec_id else b""
                leases.append(lease_frame(book, row, attempt_uri(book, row), spec=spec))
    return leases


def disconnect_executor(executor_id: UUID, epoch: int) -> None:
    """Its socket has closed. It keeps what it holds until its lease runs out; without anything held it is gone.

    One that is being stopped stays so: its worker says when it has ended.
    """
    with transaction.atomic():
        executor = Executor.objects.select_for_update().filter(pk=executor_id, epoch=epoch).first()
        if executor is None or executor.state == Executor.State.GONE:
            return
        holds = Action.objects.filter(executor=executor, phase__in=_LIVE).exists()
        executor.disconnected_at = timezone.now()
        if executor.state == Executor.State.STOPPING:
            executor.save()
            return
        executor.state = Executor.State.DISCONNECTED if holds else Executor.State.GONE
        if not holds:
            executor.ended_at, executor.end_reason = executor.disconnected_at, _why_it_left(executor)
        executor.save()
        events.publish(events.pool_group(executor.pool_id))
        events.publish(events.WORKERS)


def _why_it_left(executor: Executor) -> str:
    if executor.drain_asked_at is None:
        return "left with nothing held"
    return f"drained: {executor.drain_actor} asked it to leave"[:500]


def end_executor(executor_id: UUID, reason: str, *, was_stopped: bool = False) -> None:
    """Its process has ended: requeue what it held as a system retry, abort what was asked to stop.

    was_stopped: in an orderly way, so that nothing that it held counts as a failure. The same holds for one that had to be
    ended because an action of it refused to stop.
    """
    with transaction.atomic():
        executor = Executor.objects.select_for_update().filter(pk=executor_id).first()
        if executor is None or executor.state == Executor.State.GONE:
            return
        why = f"{executor.end_reason}: {reason}" if executor.state == Executor.State.STOPPING else reason
        executor.state, executor.end_reason = Executor.State.GONE, why[:500]
        executor.ended_at = timezone.now()
        executor.save()
        held: dict[int, list[int]] = defaultdict(list)
        mine = Action.objects.filter(executor=executor, phase__in=_LIVE)
        for run_id, action_id, step in mine.values_list("run_id", "pk", "escalation"):
            held[run_id].append(action_id)
            was_stopped |= step == Escalation.PROCESS
        cause = Cause.SHUTDOWN if was_stopped else Cause.EXECUTOR_LOST
        for run_id, action_ids in sorted(held.items()):
            with transitions.open_run(run_id) as book:
                for row in book.by_id(action_ids):
                    if row.is_live:
                        requeue(book, row, cause=cause, reason=why, at=timezone.now())
        events.publish(events.pool_group(executor.pool_id))
        events.publish(events.WORKERS)


def requeue(book: Book, row: Row, *, cause: Cause, reason: str, at: datetime) -> None:
    """A held action has stopped without an outcome of its own: queue it again, or end it."""
    lost = cause is Cause.EXECUTOR_LOST
    outcome = "aborted" if row.escalation else "lost" if lost else "interrupted"
    book.set_attempt(row, ended_at=at, outcome=outcome, error_message=reason)
    failures = row.system_failures + 1 if lost else row.system_failures
    if row.abort_id is not None:
        stopped(book, row, cause=Cause.REFUSED if row.escalation else cause, at=at)
    elif failures > MAX_SYSTEM_FAILURES:
        book.move(
            row, Phase.FAILED, cause=cause, at=at, error_code=TOO_MANY, error_kind="system",
            error_message=f"lost {failures} times in a row, the last time because {reason}",
        )  # fmt: skip
    else:
        book.move(row, Phase.QUEUED, cause=cause, at=at, system_failures=failures)
        if row.pool_id is not None:
            events.publish(events.pool_group(row.pool_id))
            events.publish(events.WORKERS)
        return
    abort_left_behind(book, [row], at=at)


def lease(book: Book, row: Row, executor_id: UUID, *, at: datetime) -> str:
    """Give a queued action to an executor; returns the directory of the attempt."""
    book.move(
        row, Phase.INITIALIZING, cause=Cause.LEASED, at=at, actor=str(executor_id)[:8],
        executor_id=executor_id, lease_epoch=row.lease_epoch + 1, delivered_at=None,
    )  # fmt: skip
    output_uri = attempt_uri(book, row)
    book.open_attempt(row, at=at, output_uri=output_uri)
    return output_uri


def attempt_uri(book: Book, row: Row) -> str:
    """The directory of an attempt. A system retry keeps the attempt's number, so its folder carries the epoch too."""
    folder = str(row.attempt) if row.lease_epoch == row.attempt else f"{row.attempt}.{row.lease_epoch}"
    return f"{book.run.base_uri.rstrip('/')}/{row.name}/{folder}"


def lease_frame(book: Book, row: Row, output_uri: str, *, spec: bytes = b"") -> frames.Lease:
    """The frame of a lease. A later lease brings what its children came to before (PROTOCOL.md §2.4)."""
    children: list[frames.ChildUpdate] = []
    previous = ""
    if row.lease_epoch > 1:
        children = child_updates(
            book.run.pk, Action.objects.filter(parent_id=row.id, phase__in=sorted(TERMINAL))
        )
        last = Attempt.objects.filter(action_id=row.id, lease_epoch__lt=row.lease_epoch).order_by(
            "-lease_epoch"
        )
        previous = last.values_list("output_uri", flat=True).first() or ""
    return frames.Lease(
        key=frames.Key(book.run.pk, row.name), epoch=row.lease_epoch, attempt=row.attempt, input_uri=row.input_uri,
        output_uri=output_uri, spec=spec, children=children,
        prev_checkpoint=f"{previous}/_flytecheckpoints" if previous else "",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Offer:
    """How many queued actions an executor may take now, and whether it has to leave."""

    count: int
    is_draining: bool


def ready(now: datetime) -> Q:
    """What may be leased: queued, and no retry that still holds back."""
    return Q(phase=Phase.QUEUED) & (Q(not_before=None) | Q(not_before__lte=now))


def get_offer(executor_id: UUID) -> Offer:
    """What waits for this executor, within its capacity. At most three statements."""
    executor = Executor.objects.get(pk=executor_id)
    if executor.state != Executor.State.CONNECTED:
        return Offer(0, is_draining=executor.drain_asked_at is not None)
    waiting = Action.objects.filter(ready(timezone.now()), pool_id=executor.pool_id).count()
    if not waiting:
        return Offer(0, is_draining=False)
    held = Action.objects.filter(executor=executor, phase__in=_LIVE).count()
    return Offer(max(0, min(waiting, executor.capacity - held)), is_draining=False)


def lease_queued(
    executor_id: UUID, epoch: int, limit: int, *, clock: Clock = timezone.now
) -> list[frames.Lease]:
    """Lease up to `limit` actions that wait in the executor's pool, oldest first.

    Raises LeaseLost for the epoch of an older connection: what is leased there would go into a socket that nobody reads.
    """
    leases: list[frames.Lease] = []
    with transaction.atomic():
        executor = Executor.objects.select_for_update().get(pk=executor_id)
        if executor.epoch != epoch:
            raise LeaseLost(f"executor {executor_id} has connected again since epoch {epoch}")
        if executor.state != Executor.State.CONNECTED:
            return []
        queued: dict[int, list[int]] = defaultdict(list)
        at = clock()
        waiting = Action.objects.filter(ready(at), pool_id=executor.pool_id).order_by("queued_at", "pk")
        for run_id, action_id in waiting.values_list("run_id", "pk")[:limit]:
            queued[run_id].append(action_id)
        for run_id, action_ids in sorted(queued.items()):
            with transitions.open_run(run_id) as book:
                rows = [row for row in book.by_id(action_ids) if row.phase is Phase.QUEUED]
                specs = read_specs(row.spec_id for row in rows)
                for row in rows:
                    output_uri = lease(book, row, executor_id, at=at)
                    spec = specs[row.spec_id] if row.spec_id else b""
                    leases.append(lease_frame(book, row, output_uri, spec=spec))
    return leases


def read_specs(ids: Iterable[int | None]) -> dict[int, bytes]:
    """Serialised TaskSpecs by id. One statement."""
    wanted = {one for one in ids if one is not None}
    return {pk: bytes(spec) for pk, spec in TaskSpec.objects.filter(pk__in=wanted).values_list("pk", "spec")}


_CHILD = [
    "name",
    "parent__name",
    "phase",
    "output_uri",
    "error_code",
    "error_message",
    "error_kind",
    "error_recoverable",
    "value",
    "abort_id",
]


def child_updates(run_id: int, children: QuerySet[Action]) -> list[frames.ChildUpdate]:
    """Frames that tell parents of their children. One statement more when some were aborted."""
    # Tuples, not models: this is read for every ended child.
    rows = list(children.values_list(*_CHILD))
    wanted = {row[-1] for row in rows if row[-1] is not None}
    aborts = Abort.objects.select_related("target").in_bulk(wanted) if wanted else {}
    notes = {pk: abort_note(abort) for pk, abort in aborts.items()}
    return [
        frames.ChildUpdate(
            run=run_id, parent=parent or ROOT, name=name, phase=phase, output_uri=output_uri,
            failure=frames.Failure(code, message, error_kind or "unknown", recoverable) if code else None,
            abort=notes.get(abort_id) if phase == Phase.ABORTED else None,
            value=bytes(value),
        )
        for name, parent, phase, output_uri, code, message, error_kind, recoverable, value, abort_id in rows
    ]  # fmt: skip


def abort_note(abort: Abort) -> frames.AbortNote:
    """The frame that says who asked and why."""
    return frames.AbortNote(
        cause=abort.cause, actor=abort.actor, reason=abort.reason, target=abort.target.name,
        requested_at=int(abort.requested_at.timestamp() * 1e6),
    )  # fmt: skip
