"""By what the actions of a run can be sorted: their durations, and the values of an input. Of all of them, or of those that are new."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db import connection

from runs.models import Action
from runs.queries.minimap import SINCE
from runs.store.bulk import plain


class Times(NamedTuple):
    """When an action began and ended, in milliseconds since the run did. It began when it started, or else when it was asked for."""

    id: int
    began: float
    has_started: bool
    ended: float | None


_TIMES = """
    SELECT id, {began}, started_at IS NOT NULL, {ended} FROM runs_action WHERE run_id = %s AND changed_seq > %s
"""


def list_times(run_id: int, *, origin: datetime, since: int) -> list[Times]:
    """Of what changed after the sequence number, in no order. One statement, on the index action_changes."""
    column = SINCE[connection.vendor]
    sql = _TIMES.format(
        began=column.format("coalesce(started_at, created_at)"), ended=column.format("ended_at")
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [plain(origin), plain(origin), run_id, since])
        return list(map(Times._make, cursor.fetchall()))


def list_digests_with(run_id: int, name: str, *, after: int) -> list[tuple[int, str]]:
    """The ids and digests of the actions that may have an input of this name. after: only those with a higher id. One statement."""
    found = Action.objects.filter(run_id=run_id, pk__gt=after, input_digest__contains=f'"{name}":')
    return list(found.values_list("pk", "input_digest"))
