"""Use cases of executors: who may run what, and what happens to it when an executor leaves (law 11's epochs).

A lease is an action's (executor, lease_epoch). The epoch grows with each lease, so a report that carries an older one
is refused. A slot is free exactly when its action is no longer live or no longer leased to that executor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from runs.domain.errors import Invalid, LeaseLost
from runs.domain.failures import Failure
from runs.domain.names import ROOT
from runs.domain.phases import LIVE, TERMINAL, Cause, Escalation, Phase
from runs.domain.retries import Ending, How
from runs.domain.secrets import SecretRequest
from runs.domain.specs import read_task_spec
from runs.domain.variables.grace import grace_seconds
from runs.engine import concurrency, manners
from runs.engine.book.book import Book, open_run
from runs.engine.book.rows import Row
from runs.engine.endings import end_attempt
from runs.engine.executors import places
from runs.engine.secrets import Vault
from runs.models import Abort, Action, Attempt, Executor, Manner, TaskSpec
from runs.protocol import frames, worker_frames
from runs.store import hints
from runs.store.bulk import plain, select
from runs.store.clock import wall_time

_LIVE = sorted(LIVE)
SHORT_SECONDS = 5.0  # an interruption that changes nothing about the time that an executor has for an abort
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Connected:
    """An executor that has connected.

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
        executor.is_silent = False
        away = _connect_again(executor, wall_time())
        executor.save()
        mine = {
            (run_id, name): epoch
            for run_id, name, epoch in Action.objects.filter(executor=executor, phase__in=_LIVE).values_list(
                "run_id", "name", "lease_epoch"
            )
        }
        kill = [frames.Key(*key) for key, epoch in held.items() if mine.get(key) != epoch]
        missing = _lease_again([key for key, epoch in mine.items() if held.get(key) != epoch])
        hints.publish(hints.WORKERS)
    runs = sorted({run_id for run_id, _ in mine})
    grace = grace_seconds(executor.pool.env, settings.ABORT_GRACE_SECONDS)
    return Connected(
        executor.pk, executor.pool_id, executor.epoch, executor.acked_seq, kill, missing, runs, grace, away
    )


def _connect_again(executor: Executor, now: datetime) -> float | None:
    """Note the connection, of which no batch has proved yet that it works; returns how many seconds the executor was away."""
    left_at = executor.disconnected_at or executor.heartbeat_at
    away = (now - left_at).total_seconds() if left_at else None
    if executor.unproved_since is None:  # until it left, it was reached
        executor.unproved_since = now
        if away is None or away > SHORT_SECONDS:
            executor.reached_at = now
    executor.unproved_connections += 1
    executor.connected_at, executor.disconnected_at = now, None
    return away


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
        with open_run(run_id) as book:
            book.load(run_names)
            rows = [book.get(name) for name in run_names]
            specs, vault = read_specs(row.spec_id for row in rows), Vault(book.run)
            for row in rows:
                spec = specs[row.spec_id] if row.spec_id else b""
                frame = lease_frame(book, row, attempt_uri(book, row), spec=spec)
                leases.append(vault.fill(frame, wanted_by(spec)))
    return leases


def disconnect_executor(executor_id: UUID, epoch: int) -> None:
    """Its socket has closed. It keeps what it holds until its lease runs out; without anything held it is gone.

    One that is being stopped keeps that state: its worker reports when it has ended.
    """
    with transaction.atomic():
        executor = Executor.objects.select_for_update().filter(pk=executor_id, epoch=epoch).first()
        if executor is None or executor.state == Executor.State.GONE:
            return
        holds = Action.objects.filter(executor=executor, phase__in=_LIVE).exists()
        executor.disconnected_at = wall_time()
        if executor.state == Executor.State.STOPPING:
            executor.save()
            return
        if holds and executor.is_silent:  # it cannot answer pings either; its worker reports about it
            executor.save()
            return
        executor.state = Executor.State.DISCONNECTED if holds else Executor.State.GONE
        if not holds:
            executor.ended_at, executor.end_reason = executor.disconnected_at, _why_it_left(executor)
        executor.save()
        hints.publish_work(executor.pool_id)


def _why_it_left(executor: Executor) -> str:
    if executor.drain_asked_at is None:
        return "left with nothing held"
    if executor.drain_actor == places.RUN_ENDED:
        return "its run has ended"
    return f"drained: {executor.drain_actor} asked it to leave"[:500]


def end_executor(
    executor_id: UUID, reason: str, *, was_stopped: bool = False, culprit: worker_frames.Culprit | None = None
) -> None:
    """Its process has ended, and with it the attempts that it held.

    was_stopped: in an orderly way, so that nothing that it held counts as a failure. The same holds for one that had to be
    ended because an action of it refused to stop. culprit: the action that ended it, and that alone has failed (law 13).
    Of nothing else does that count against anybody, and it comes to an end: each such end takes an attempt of its culprit.
    """
    with transaction.atomic():
        executor = Executor.objects.select_for_update().filter(pk=executor_id).first()
        if executor is None or executor.state == Executor.State.GONE:
            return
        why = f"{executor.end_reason}: {reason}" if executor.state == Executor.State.STOPPING else reason
        held: dict[int, list[int]] = defaultdict(list)
        mine = Action.objects.filter(executor=executor, phase__in=_LIVE)
        for run_id, action_id, step in mine.values_list("run_id", "pk", "escalation"):
            held[run_id].append(action_id)
            was_stopped |= step == Escalation.PROCESS
        if executor.state == Executor.State.DRAINING and not held:
            why = _why_it_left(executor)
        executor.state, executor.end_reason = Executor.State.GONE, why[:500]
        executor.blocked_since, executor.blocked_by, executor.is_silent = None, None, False
        executor.ended_at = wall_time()
        executor.save()
        others = Ending(How.INTERRUPTED if was_stopped else How.LOST, reason=why)
        charged = _find_charged(mine, culprit) if culprit else None
        if charged is not None:
            others = Ending(How.INNOCENT, reason=f"{charged} ended the process that they shared: {reason}")
        for run_id, action_ids in sorted(held.items()):
            with open_run(run_id) as book:
                for row in book.by_id(action_ids):
                    if not row.is_live:
                        continue
                    is_charged = charged is not None and row.id == charged.pk
                    ending = others
                    if culprit is not None and is_charged:
                        ending = Ending(How.FAILED, culprit.failure)
                        did = f"ended the process that it shared ({culprit.failure.code})"
                        manners.note(book, row.task_name, Manner.Kind.DIED, did, at=wall_time())
                    end_attempt(book, row, ending, at=wall_time())
        hints.publish_work(executor.pool_id)


def _find_charged(held: QuerySet[Action], culprit: worker_frames.Culprit) -> Action | None:
    """The action of the culprit, if its lease is still the one under which it did that."""
    return held.filter(run_id=culprit.key.run, name=culprit.key.name, lease_epoch=culprit.epoch).first()


def lease(book: Book, row: Row, executor_id: UUID, *, at: datetime) -> str:
    """Give a queued action to an executor; returns the directory of the attempt."""
    book.move(
        row, Phase.INITIALIZING, cause=Cause.LEASED, at=at, actor=str(executor_id)[:8],
        executor_id=executor_id, lease_epoch=row.lease_epoch + 1, delivered_at=None, is_alone=manners.runs_alone(book, row),
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
        ended = Action.objects.filter(parent_id=row.id, phase__in=sorted(TERMINAL))
        children = child_updates(book.run.pk, list(ended.values_list(*CHILD)))
        last = Attempt.objects.filter(action_id=row.id, lease_epoch__lt=row.lease_epoch).order_by(
            "-lease_epoch"
        )
        previous = last.values_list("output_uri", flat=True).first() or ""
    return frames.Lease(
        key=frames.Key(book.run.pk, row.name), epoch=row.lease_epoch, attempt=row.attempt, input_uri=row.input_uri,
        output_uri=output_uri, spec=spec, children=children,
        prev_checkpoint=f"{previous}/_flytecheckpoints" if previous else "", is_alone=bool(row.is_alone),
    )  # fmt: skip


_STANDING = (  # of an executor
    "SELECT state, drain_asked_at, EXISTS (SELECT 1 FROM runs_action waiting "  # noqa: S608 -- our own numbers
    f"WHERE waiting.pool_id = runs_executor.pool_id AND waiting.phase = {int(Phase.QUEUED)}) FROM runs_executor WHERE id IN ({{}})"
)


@dataclass(frozen=True, slots=True)
class Offer:
    """How many queued actions an executor may take now, and whether it has to leave."""

    count: int
    is_draining: bool


def get_offer(executor_id: UUID) -> Offer:
    """What waits for this executor, within its capacity. At most five statements; one while nothing is queued in its pool."""
    # Asked of each executor at each change of its runs, and every two seconds: what a run may is asked where something waits.
    ((state, drain_asked_at, is_queued),) = select(_STANDING, [plain(executor_id)])
    if state != Executor.State.CONNECTED:
        return Offer(0, is_draining=drain_asked_at is not None)
    if not is_queued:
        return Offer(0, is_draining=False)
    executor = Executor.objects.get(pk=executor_id)
    waiting = places.waiting_for(executor, wall_time()).count()
    if not waiting:
        return Offer(0, is_draining=False)
    return Offer(max(0, min(waiting, free_slots(executor))), is_draining=False)


def free_slots(executor: Executor) -> int:
    """How many more actions it may hold; not above zero when there is no room. At most two statements.

    What waits for children takes no slot away from them: parents that hold all slots would wait for ever. That is counted
    only where the slots do not suffice.
    """
    held = Action.objects.filter(executor=executor, phase__in=_LIVE)
    free = executor.capacity - held.count()
    if free > 0:
        return free
    children = Action.objects.filter(parent=OuterRef("pk"), phase__in=_LIVE)
    return executor.capacity - held.filter(~Exists(children)).count()


def lease_queued(
    executor_id: UUID, epoch: int, limit: int, *, clock: Clock = wall_time
) -> list[frames.Lease]:
    """Lease up to `limit` actions that wait for this executor, oldest first, and no more than it has room for by now.

    Since its offer was read, a batch of its own may have taken a slot. Raises LeaseLost for the epoch of an older connection: what is leased there would go into a socket that nobody reads.
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
        limit = min(limit, max(0, free_slots(executor)))
        waiting = places.waiting_for(executor, at).order_by("queued_at", "pk")
        for run_id, action_id in waiting.values_list("run_id", "pk")[:limit]:
            queued[run_id].append(action_id)
        for run_id, action_ids in sorted(queued.items()):
            with open_run(run_id) as book:
                rows = [row for row in book.by_id(action_ids) if row.phase is Phase.QUEUED]
                rows = rows[: concurrency.room_of(book.run)]
                specs, vault = read_specs(row.spec_id for row in rows), Vault(book.run)
                for row in rows:
                    output_uri = lease(book, row, executor_id, at=at)
                    spec = specs[row.spec_id] if row.spec_id else b""
                    leases.append(vault.fill(lease_frame(book, row, output_uri, spec=spec), wanted_by(spec)))
    return leases


def wanted_by(spec: bytes) -> tuple[SecretRequest, ...]:
    """The secrets that a serialised TaskSpec asks for; none where it was taken before anybody read that, and cannot be."""
    try:
        return read_task_spec(spec).secrets if spec else ()
    except Invalid:
        return ()


def read_specs(ids: Iterable[int | None]) -> dict[int, bytes]:
    """Serialised TaskSpecs by id. One statement."""
    wanted = {one for one in ids if one is not None}
    return {pk: bytes(spec) for pk, spec in TaskSpec.objects.filter(pk__in=wanted).values_list("pk", "spec")}


# Of a child, as `child_updates` reads it.
CHILD = [
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


def child_updates(run_id: int, rows: Sequence[tuple[Any, ...]]) -> list[frames.ChildUpdate]:
    """The states of children, as frames for their parents. rows: of CHILD. A statement when some were aborted."""
    wanted = {row[-1] for row in rows if row[-1] is not None}
    aborts = Abort.objects.select_related("target").in_bulk(wanted) if wanted else {}
    notes = {pk: abort_note(abort) for pk, abort in aborts.items()}
    return [
        frames.ChildUpdate(
            run=run_id, parent=parent or ROOT, name=name, phase=phase, output_uri=output_uri,
            failure=Failure(code, message, error_kind or "unknown", bool(recoverable)) if code else None,
            abort=notes.get(abort_id) if phase == Phase.ABORTED else None,
            value=bytes(value),
        )
        for name, parent, phase, output_uri, code, message, error_kind, recoverable, value, abort_id in rows
    ]  # fmt: skip


def abort_note(abort: Abort) -> frames.AbortNote:
    """Who asked and why, as a frame."""
    return frames.AbortNote(
        cause=abort.cause, actor=abort.actor, reason=abort.reason, target=abort.target.name,
        requested_at=int(abort.requested_at.timestamp() * 1e6),
    )  # fmt: skip
