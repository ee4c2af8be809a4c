"""Groups of the children of an action: when they ran, and, for the first paint of a long run, which there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Count, Max, Min

from runs.models import Action
from runs.queries.rows import STATUS_BITS, status_of_bits


class Times(NamedTuple):
    """When the first of a group started, and when the last of those that have ended did."""

    began: datetime | None
    ended: datetime | None


def list_group_times(keys: Collection[tuple[int, str]]) -> dict[tuple[int, str], Times]:
    """The times of these groups, each known by the id of the parent and its name. One statement, on the index of the parent."""
    if not keys:
        return {}
    members = Action.objects.filter(
        parent_id__in={parent for parent, _ in keys}, group__in={group for _, group in keys}
    )
    found = members.values_list("parent_id", "group").annotate(Min("started_at"), Max("ended_at")).order_by()
    return {(parent, group): Times(*times) for parent, group, *times in found}


def count_groups(run_id: int) -> int:
    """How many groups a run has. One statement, which reads each of its rows."""
    grouped = Action.objects.filter(run_id=run_id, parent_id__isnull=False).exclude(group="")
    return grouped.values("parent_id", "group").distinct().count()


def list_groups(parent: int) -> dict[str, tuple[int, int]]:
    """The groups of an action's children: the id of the first member, and how many there are. One statement."""
    grouped = Action.objects.filter(parent_id=parent).exclude(group="")
    found = grouped.values_list("group").annotate(Min("pk"), Count("pk")).order_by()
    return {group: (first, number) for group, first, number in found}


_STATUSES = f"""
    SELECT {STATUS_BITS}, count(*) FROM runs_action WHERE parent_id = %s AND "group" = %s GROUP BY 1
"""  # noqa: S608 -- of constants


def count_statuses(parent: int, group: str) -> Counter[str]:
    """How many members of a group have which display status. One statement."""
    counts: Counter[str] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(_STATUSES, [parent, group])
        for bits, number in cursor.fetchall():
            counts[status_of_bits(bits)] += number
    return counts
