"""Reads for /metrics: counts of what is there now."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Min, Q
from django.utils import timezone

from runs.metrics import Counts
from runs.models import Action, Executor
from runs.phases import LIVE, Phase

POOLS = 10  # how many pools have a queue of their own in the numbers
_State = Executor.State


def count() -> Counts:
    """What is live, what waits where, and who is there. Three statements, none of which reads what has ended."""
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
        executors, away,
    )  # fmt: skip


def _seconds(now: datetime, since: datetime | None) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
