"""Reads for the first paint of a long run: counts and first rows, from indexes, without reading all actions."""

from __future__ import annotations

from collections import Counter

from django.db import connection
from django.db.models import Count, Max

from runs.domain.phases import LIVE, TERMINAL, Phase
from runs.domain.status import CACHE_HIT
from runs.models import Action
from runs.queries.rows import STATUS_BITS, status_of_bits

# As runs.failures.first_cause has it: the first to end of what failed with nothing below it that did. All from the index
# action_failures, and one lookup for each branch above a failure.
_FAILED = f"phase IN ({Phase.FAILED.value}, {Phase.TIMED_OUT.value})"
_FIRST_CAUSE = f"""
    WITH RECURSIVE above(id) AS (
        SELECT parent_id FROM runs_action WHERE run_id = %s AND {_FAILED}
        UNION
        SELECT a.parent_id FROM runs_action a JOIN above ON a.id = above.id
    )
    SELECT id FROM runs_action
    WHERE run_id = %s AND {_FAILED} AND id NOT IN (SELECT id FROM above WHERE id IS NOT NULL)
    ORDER BY ended_at, id LIMIT 1
"""  # noqa: S608 -- of constants


def find_first_cause(run_id: int) -> int | None:
    """The id of what failed first. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_CAUSE, [run_id, run_id])
        found = cursor.fetchone()
    return found[0] if found else None


def find_first_paused(run_id: int) -> int | None:
    """The id of the first condition that waits. One statement, on the index action_phases."""
    paused = Action.objects.filter(run_id=run_id, phase=Phase.PAUSED).extra(select={"bits": STATUS_BITS})  # noqa: S610 -- a constant
    found = paused.order_by("pk").values_list("pk", "bits").iterator(chunk_size=100)
    return next((pk for pk, bits in found if status_of_bits(bits) == Phase.PAUSED.slug), None)


def measure(run_id: int) -> tuple[int, int]:
    """How many actions a run has, and the sequence number of its last change, -1 without any. Two statements, on indexes."""
    actions = Action.objects.filter(run_id=run_id)
    seq = actions.aggregate(last=Max("changed_seq"))["last"]
    return actions.count(), -1 if seq is None else seq


def count_by_status(run_id: int) -> Counter[str]:
    """How many actions have each display status.

    Three statements: what has ended is counted by its phase, on the index action_phases; what came from the cache on
    action_cache_work; only what is live is read.
    """
    actions = Action.objects.filter(run_id=run_id)
    ended = actions.filter(phase__in=TERMINAL).values_list("phase").annotate(number=Count("pk"))
    counts = Counter({Phase(phase).slug: number for phase, number in ended})
    # A hit has a key; the condition lets the database use the index.
    hits = actions.filter(phase=Phase.SUCCEEDED, cache_status=CACHE_HIT, cache_key__gt="").count()
    counts["cached"] += hits
    counts[Phase.SUCCEEDED.slug] -= hits
    live = actions.filter(phase__in=LIVE).extra(select={"status_bits": STATUS_BITS})  # noqa: S610 -- a constant
    for status_bits in live.values_list("status_bits", flat=True).order_by():
        counts[status_of_bits(status_bits)] += 1
    return counts


def find_root(run_id: int) -> int | None:
    """The id of the root. One statement."""
    return Action.objects.filter(run_id=run_id, parent_id=None).values_list("pk", flat=True).first()


def list_children(run_id: int, parent: int, group: str, *, most: int) -> list[int]:
    """The first children of an action that are in this group, or in none, in order. One statement."""
    children = Action.objects.filter(run_id=run_id, parent_id=parent, group=group).order_by("pk")
    if group:
        children = children.exclude(group="")  # which lets the database use the index action_groups
    return list(children.values_list("pk", flat=True)[:most])


def count_children(parents: list[int]) -> dict[int, int]:
    """How many children those of these actions have that have any. One statement."""
    found = Action.objects.filter(parent_id__in=parents).values_list("parent_id").annotate(number=Count("pk"))
    return dict(found.order_by())
