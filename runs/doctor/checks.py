"""The invariants of the database, as queries that find where they are broken. Repairs nothing.

A fixed number of statements, whatever the number of actions: each check is one, and most of them are rows of a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Left

from runs.doctor.findings import LIMIT, REPORT, Check, Finding, check_actions, facts_of, finding_of
from runs.doctor.histories import check_attempts, check_events
from runs.doctor.leftovers import check_leftovers
from runs.doctor.secrets import check_secrets
from runs.domain.limits import MAX_RUNTIME, QUEUED_TIMEOUT
from runs.domain.phases import HELD, LIVE, TERMINAL, UNHELD, Kind, Phase
from runs.engine.executors import heartbeats
from runs.engine.executors.places import SERVES, ready
from runs.models import Action, Attempt, Executor, Manner

_LIVE, _TERMINAL, _HELD, _UNHELD = sorted(LIVE), sorted(TERMINAL), sorted(HELD), sorted(UNHELD)
_GONE = Executor.State.GONE

ABORT = "stop it with `flyteui abort {run} {action}`, and report this with `flyteui doctor --json`"


class Limits(NamedTuple):
    """From which age on something slow counts as stuck."""

    now: datetime
    refusing: timedelta  # an abort that was asked
    waiting: timedelta  # a queued action that no executor takes
    lease: timedelta  # an executor out of reach
    max_executors: int
    # From the caller: why no worker starts an executor, and the remedy.
    why_no_executor: str = ""
    remedy: str = ""
    silent: timedelta = timedelta(minutes=1)  # an executor that is called connected
    blocked: timedelta = timedelta(seconds=2)  # an event loop


_OPEN_ATTEMPT = Attempt.objects.filter(
    action=OuterRef("pk"), lease_epoch=OuterRef("lease_epoch"), executor=OuterRef("executor"), ended_at=None
)

_SERVED = SERVES.filter(executor=OuterRef("executor"), run=OuterRef("run"))


def _stops_for_a_retry(path: str) -> Q:
    """Only the attempt is being stopped, for a limit: what is below it goes on, and so will it (`Row.is_ending`)."""
    limit = {f"{path}exceeded__in": [MAX_RUNTIME, QUEUED_TIMEOUT]}
    return Q(**limit, **{f"{path}attempt__lt": F(f"{path}max_attempts")})


_STOPPED_ROOT = Action.objects.filter(run=OuterRef("run"), parent=None).filter(
    Q(phase__in=_TERMINAL) | Q(abort__isnull=False) & ~_stops_for_a_retry("")
)
_UNTOLD = Q(phase__in=_LIVE, abort=None)

CHECKS = [
    Check(
        "ended-iff-terminal",
        Q(phase__in=_TERMINAL, ended_at=None) | Q(phase__in=_LIVE, ended_at__isnull=False),
        "is {phase} and its end is {ended_at}; exactly what is terminal has an end", REPORT,
    ),
    Check("aborted-without-abort", Q(phase=Phase.ABORTED, abort=None), "is aborted and nobody asked for it", REPORT),
    Check(
        "unheld-but-aborting", Q(phase__in=_UNHELD, abort__isnull=False),
        "is {phase} although its abort was asked at {asked_at} by {asked_by} and nobody runs it", REPORT,
    ),
    Check(
        "outlives-parent", _UNTOLD & Q(parent__phase__in=_TERMINAL),
        "is {phase} without an abort, but its parent {parent} is {parent_phase}", ABORT,
    ),
    Check(
        "missed-by-abort", _UNTOLD & Q(parent__phase__in=_LIVE, parent__abort__isnull=False) & ~_stops_for_a_retry("parent__"),
        "is {phase} without an abort, but its parent {parent} is being aborted", ABORT,
    ),
    Check(
        "outlives-run", _UNTOLD & Q(parent__isnull=False) & Q(Exists(_STOPPED_ROOT)),
        "is {phase} without an abort, but its run has ended or is being aborted", ABORT,
    ),
    Check("held-by-nobody", Q(phase__in=_HELD, executor=None), "is {phase} and no executor holds it", REPORT),
    Check(
        "held-by-gone", Q(phase__in=_LIVE, executor__state=_GONE),
        "is {phase} on executor {executor}, which is gone", REPORT,
    ),
    Check(
        "held-by-stranger", Q(phase__in=_LIVE, executor__isnull=False) & Q(~Exists(_SERVED)),
        "is {phase} on executor {executor}, which serves other runs", REPORT,
    ),
    Check(
        "no-open-attempt", Q(phase__in=_HELD) & Q(~Exists(_OPEN_ATTEMPT)),
        "is {phase} and has no open attempt with its lease {lease_epoch} and its executor {executor}", REPORT,
    ),
    Check(
        "queued-on-executor", Q(phase__in=_UNHELD, executor__isnull=False),
        "is {phase} and belongs to executor {executor}; only what an executor holds does", REPORT,
    ),
    Check(
        "paused-task", Q(phase=Phase.PAUSED) & ~Q(kind=Kind.CONDITION),
        "is paused, but it is no condition: nobody can signal it", REPORT,
    ),
    Check(
        "condition-not-paused", Q(kind=Kind.CONDITION, phase__in=_LIVE) & ~Q(phase=Phase.PAUSED),
        "is a condition and {phase}; one that has not ended is paused", REPORT,
    ),
    Check("abort-of-another-run", ~Q(abort__run=F("run")) & Q(abort__isnull=False), "has an abort of another run", REPORT),
    # Law 12: from what was aborted the chain leads up to what was asked to stop, or has ended.
    Check(
        "broken-chain",
        Q(abort__isnull=False) & ~Q(abort__target=F("pk"))
        & (Q(parent=None) | Q(parent__phase__in=_LIVE, parent__abort=None)),
        "was aborted through {target}, but its parent {parent} is {parent_phase} and was not asked to stop", REPORT,
    ),
    Check(
        "seq-ahead", Q(changed_seq__gt=F("run__seq")),
        "changed at seq {changed_seq}, but its run is at {run_seq}: pages will not see its next changes", REPORT,
    ),
]  # fmt: skip


def list_findings(limits: Limits) -> list[Finding]:
    """Everything that breaks a rule now, as one instant shows it. At most 33 statements, and a look into the storage."""
    with _one_instant():
        found = [finding for check in CHECKS for finding in check_actions(check, Action.objects.all())]
        found += check_actions(
            _REFUSING, Action.objects.filter(abort__requested_at__lt=limits.now - limits.refusing)
        )
        found += check_events()
        found += check_attempts()
        found += _check_executors(limits)
        found += check_secrets()
    # Reads the storage too, which takes time and knows no instants.
    found += check_leftovers(limits.now)
    return found


def count_tasks_alone() -> int:
    """Of how many tasks the actions run alone because of what they did. One statement."""
    return Manner.objects.count()


@contextmanager
def _one_instant() -> Iterator[None]:
    """All statements see the same commits, so that what changes between two of them is not taken for a fault."""
    if connection.in_atomic_block:
        yield
        return
    wrapper: Any = connection
    mode = getattr(wrapper, "transaction_mode", None)
    if connection.vendor == "sqlite":
        wrapper.transaction_mode = "DEFERRED"  # the settings' IMMEDIATE would lock writers out
    try:
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
    finally:
        if connection.vendor == "sqlite":
            wrapper.transaction_mode = mode


_REFUSING = Check(
    "refusing", Q(phase__in=_HELD, abort__isnull=False),
    "is refusing to stop: {asked_by} asked at {asked_at}, its task was told at {delivered_at}, and it is still {phase} "
    "on executor {executor} ({executor_state}, process {executor_pid} on {executor_host})",
    "end that process; its innocent actions are queued again",
)  # fmt: skip


def _check_executors(limits: Limits) -> Iterator[Finding]:
    """Executors out of reach for too long, and actions that wait though no executor will take them; loops that are blocked. Six statements."""
    alive = Executor.objects.exclude(state=_GONE).count()
    lost = Executor.objects.filter(
        state=Executor.State.DISCONNECTED, disconnected_at__lt=limits.now - limits.lease
    )
    overdue = heartbeats.silent(limits.now) & Q(heartbeat_at__lt=limits.now - limits.silent)
    for executor in Executor.objects.filter(overdue).order_by("pk")[:LIMIT]:
        text = f"executor {executor.pk} is called {executor.state}, but no web process has had it since {executor.heartbeat_at}"
        yield Finding("executor-silent", text, "start a worker: its server then takes it for out of reach")
    for executor in lost.order_by("pk")[:LIMIT]:
        text = f"executor {executor.pk} has been out of reach since {executor.disconnected_at}, and nobody gave it up"
        yield Finding(
            "executor-overdue", text, "start a worker: its server then gives the work to another executor"
        )
    blocked = Executor.objects.filter(blocked_since__lt=limits.now - limits.blocked).exclude(state=_GONE)
    for executor in blocked.select_related("blocked_by__run").order_by("pk")[:LIMIT]:
        by = executor.blocked_by
        who = f"{by} of run {by.run}" if by else "code of no action"
        text = f"{who} has blocked the event loop of executor {executor.pk} since {executor.blocked_since}"
        remedy = (
            f"stop it with `flyteui abort {by.run} {by.name} --force`"
            if by
            else "look into the stack of its process"
        )
        yield Finding("loop-blocked", text, f"{remedy}; what shares its process is queued again")
    unproved = heartbeats.unproved(limits.now, seconds=heartbeats.SILENT_SECONDS)
    for executor in Executor.objects.filter(unproved).order_by("pk")[:LIMIT]:
        text = f"executor {executor.pk} connects, but no batch of its events has been applied since {executor.heartbeat_at}"
        yield Finding(
            "executor-unproved", text, "look into its worker's output; the server has it stopped after 30 s"
        )
    why, remedy = limits.why_no_executor, limits.remedy
    if not why and alive >= limits.max_executors:
        why, remedy = (
            f"{alive} other executors are alive",
            "raise FLYTEUI_MAX_EXECUTORS, or wait for them",
        )
    late = Q(queued_at__lt=limits.now - limits.waiting) & ready(limits.now)
    serving = Executor.objects.filter(pool=OuterRef("pool"), runs=OuterRef("run")).exclude(
        state__in=[_GONE, Executor.State.DRAINING]
    )
    text = "has been waiting since {queued_at}, for its run has no executor in its pool {pool_key}: " + (
        why or "nobody started one"
    )
    for facts in facts_of(
        Action.objects.filter(late).filter(~Exists(serving)), pool_key=Left("pool__key", 12)
    ):
        yield finding_of("waiting", text, remedy or "look into the worker's output", facts)
