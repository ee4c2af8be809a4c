"""A run's limit of actions that run at a time (RunSpec.max_action_concurrency): what counts, and how much room is left.

What waits for its children does not count: it runs nothing, and where parents held the room that their children need, a
run would wait for itself. So the limit holds for each lease that is given; a parent whose children have ended goes on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from runs.domain.phases import HELD, LIVE
from runs.models import Action, Executor, Run
from runs.store import hints

_LIVE, _HELD = sorted(LIVE), sorted(HELD)


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of a run, and how many of its actions count now."""

    most: int
    running: int

    @property
    def room(self) -> int:
        return max(0, self.most - self.running)


def counted() -> QuerySet[Action]:
    """The actions that count."""
    children = Action.objects.filter(parent=OuterRef("pk"), phase__in=_LIVE)
    return Action.objects.filter(~Exists(children), phase__in=_HELD)


def _running(run: str) -> Coalesce:
    """How many actions count in the run to which this path leads."""
    of_run = counted().filter(run=OuterRef(run)).order_by().values("run")
    return Coalesce(Subquery(of_run.annotate(n=Count("pk")).values("n")), 0)


def with_room(path: str = "") -> Q:
    """That a run may have one action more. A run without a limit costs no look at its actions."""
    limit = f"{path}max_actions"
    return Q(**{limit: 0}) | Q(**{f"{limit}__gt": _running(f"{path}pk")})


def find_limits(run_ids: Collection[int]) -> dict[int, Limit]:
    """The limits of those of these runs that have one. One statement."""
    limited = Run.objects.filter(pk__in=run_ids, max_actions__gt=0).annotate(running=_running("pk"))
    return {
        pk: Limit(most, running) for pk, most, running in limited.values_list("pk", "max_actions", "running")
    }


def room_of(run: Run) -> int | None:
    """How many more actions of the run may run now; None for any number. One statement, none without a limit.

    Ask it with the run's book open: then nobody else gives leases in this run.
    """
    return find_limits([run.pk])[run.pk].room if run.max_actions else None


def announce_room(run: Run) -> None:
    """A run with a limit has changed: what is queued in it may be leased now. One statement, none without a limit."""
    if run.max_actions:
        serving = Run.executors.through.objects.filter(run=run.pk).exclude(
            executor__state=Executor.State.GONE
        )
        for executor_id in serving.values_list("executor", flat=True):
            hints.publish(hints.executor_group(executor_id))
        hints.publish(hints.WORKERS)
