"""Groups of the children of an action: when they ran, and, for the first paint of a long run, which there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Count, Max, Min, QuerySet

from runs.models import Action
from runs.queries.rows import STATUS_BITS, status_of_bits


class Times(NamedTuple):
    """When the first of a group started, and when the last of those that have ended did."""

    began: datetime | None
    ended: datetime | None


def list_group_times(run_id: int, keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], Times]:
    """The times of these groups, each known by the id of the parent and its name. One statement, on the index action_groups."""
    if not keys:
        return {}
    parents, groups = {parent for parent, _ in keys}, {group for _, group in keys}
    members = _grouped(run_id).filter(parent_id__in=parents, group__in=groups)
    found = members.values_list("parent_id", "group").annotate(Min("started_at"), Max("ended_at")).order_by()
    return {(parent, group): Times(*times) for parent, group, *times in found}


def count_groups(run_id: int) -> int:
    """How many groups a run has. One statement, on the index action_groups alone."""
    grouped = _grouped(run_id).filter(parent_id__isnull=False)
    return grouped.values("parent_id", "group").distinct().count()


def _grouped(run_id: int) -> QuerySet[Action]:
    """The condition lets the database use the index."""
    return Action.objects.filter(run_id=run_id).exclude(group="")


def list_groups(run_id: int, parent: int) -> dict[str, tuple[int, int]]:
    """The groups of an action's children: the id of the first member, and how many there are. One statement, on the index action_groups alone."""
    found = (
        _grouped(run_id)
        .filter(parent_id=parent)
        .values_list("group")
        .annotate(Min("pk"), Count("pk"))
        .order_by()
    )
    return {group: (first, number) for group, first, number in found}


_STATUSES = f"""
    SELECT {STATUS_BITS}, count(*) FROM runs_action
    WHERE run_id = %s AND parent_id = %s AND "group" = %s AND NOT ("group" = '') GROUP BY 1
"""  # noqa: S608 -- of constants


def count_statuses(run_id: int, parent: int, group: str) -> Counter[str]:
    """How many members of a group have which display status. One statement, on the index action_groups."""
    counts: Counter[str] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(_STATUSES, [run_id, parent, group])
        for bits, number in cursor.fetchall():
            counts[status_of_bits(bits)] += number
    return counts
