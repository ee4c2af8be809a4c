"""Reads for /metrics (counts of what is there now) and for /readyz."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Min, Q
from django.utils import timezone

from runs.domain.phases import LIVE, Phase
from runs.models import Action, Executor, Manner, Project
from runs.store.metrics import Counts

POOLS = 10  # pools with a series of their own; the others are summed
_State = Executor.State


def count() -> Counts:
    """What is live, what waits where, and who is there. Four statements, none of which reads what has ended."""
    now = timezone.now()
    live = {phase.slug: 0 for phase in sorted(LIVE)}
    aborting = 0
    for phase, number, asked in (
        Action.objects.filter(phase__in=sorted(LIVE))
        .values_list("phase")
        .annotate(n=Count("pk"), asked=Count("pk", filter=Q(abort__isnull=False)))
    ):
        live[Phase(phase).slug] = number
        aborting += asked
    waiting = Action.objects.filter(phase=Phase.QUEUED, pool__isnull=False).values_list("pool__key")
    queues = [
        (pool[:12], number, _seconds(now, oldest))
        for pool, number, oldest in waiting.annotate(n=Count("pk"), oldest=Min("queued_at")).order_by(
            "-n", "pool__key"
        )
    ]
    executors = {state.value: 0 for state in _State if state != _State.GONE}
    away = 0.0
    for state, number, since in (
        Executor.objects.exclude(state=_State.GONE)
        .values_list("state")
        .annotate(n=Count("pk"), since=Min("disconnected_at"))
    ):
        executors[state] = number
        away = _seconds(now, since) if state == _State.DISCONNECTED else away
    rest = queues[POOLS:]
    return Counts(
        live, aborting, queues[:POOLS], (sum(n for _, n, _ in rest), max((s for _, _, s in rest), default=0.0)),
        executors, away, Manner.objects.count(), blocked=_list_blocked(now),
    )  # fmt: skip


def _list_blocked(now: datetime) -> list[tuple[str, float]]:
    """Who blocks an event loop, the longest first. One statement."""
    blocked = Executor.objects.exclude(state=_State.GONE).filter(blocked_by__isnull=False)
    found = blocked.order_by("blocked_since").values_list(
        "blocked_by__run__name", "blocked_by__name", "blocked_since"
    )
    return [(f"{run}/{name}", _seconds(now, since)) for run, name, since in found[:POOLS]]


def check_database() -> None:
    """database"""
    # Its docstring is what /readyz calls it. It raises when the database does not answer.
    Project.objects.values_list("pk").first()


def _seconds(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
