"""Which specs of tasks ran in a project and domain, and the newest actions of each: from the index of actions by spec, whatever else there is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection

from runs.domain.addresses.pages import action_path
from runs.domain.names import ActionRef, RunRef
from runs.domain.tasks.outcomes import Outcome
from runs.models import Action
from runs.queries.rows import ROW_FIELDS, to_row

MAX_SPECS = 5_000  # the newest; what is older is found by its name
MAX_PARTS = 200  # reads in one statement; SQLite takes 500


class UsedSpec(NamedTuple):
    """A spec that ran here: it belongs to the project and domain in which its newest action was. run, action: of that."""

    spec_id: int
    name: str
    version: str
    short_name: str
    environment: str
    created_at: datetime
    last_id: int
    run: str
    action: str
    last_at: datetime


# One step in the index of actions by spec for each spec; the join reads those newest actions and their runs.
_USED = """
    WITH used AS (
        SELECT s.id, s.name, s.version, s.short_name, s.environment, s.created_at,
            (SELECT a.id FROM runs_action a WHERE a.spec_id = s.id ORDER BY a.id DESC LIMIT 1) AS last_id
        FROM runs_taskspec s WHERE {which} ORDER BY s.id DESC LIMIT %s
    )
    SELECT used.id, used.name, used.version, used.short_name, used.environment, used.created_at, used.last_id, r.name, a.name, a.created_at
    FROM used JOIN runs_action a ON a.id = used.last_id JOIN runs_run r ON r.id = a.run_id JOIN runs_project p ON p.id = r.project_id
    WHERE p.name = %s AND r.domain = %s ORDER BY used.last_id DESC
"""
_BY_NAME = _USED.format(which="s.name = %s")
_BY_TEXT = _USED.format(which="LOWER(s.name) LIKE LOWER(%s) ESCAPE '!'")
# CROSS JOIN: SQLite then goes along the index of the spec, newest first, and stops as soon as it has enough.
_NEWEST = """
    SELECT * FROM (
        SELECT a.spec_id, a.id FROM runs_action a CROSS JOIN runs_run r
        WHERE a.spec_id = %s AND r.id = a.run_id AND r.project_id = (SELECT id FROM runs_project WHERE name = %s) AND r.domain = %s
        ORDER BY a.id DESC LIMIT %s
    ) AS part{number}
"""


def list_used(
    project: str, domain: str, *, name: str | None = None, text: str = "", most: int = MAX_SPECS
) -> list[UsedSpec]:
    """Those that ran last come first. name: of just this task; text: that is in the name. One statement, of the newest specs."""
    escaped = "".join(f"!{one}" if one in "!%_" else one for one in text)
    which = (_BY_TEXT, f"%{escaped}%") if name is None else (_BY_NAME, name)
    with connection.cursor() as cursor:
        cursor.execute(which[0], [which[1], most, project, domain])
        found = [UsedSpec(*row) for row in cursor.fetchall()]
    return [one._replace(created_at=_aware(one.created_at), last_at=_aware(one.last_at)) for one in found]


def _aware(at: str | datetime) -> datetime:
    """SQLite has texts for moments, and knows no zones."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def list_newest(project: str, domain: str, specs: Collection[int], each: int) -> dict[int, list[int]]:
    """The ids of the newest actions of each spec, newest first. One statement; of more than MAX_PARTS specs, of the first ones."""
    wanted = list(specs)[:MAX_PARTS]
    if not wanted:
        return {}
    parts = " UNION ALL ".join(_NEWEST.format(number=number) for number in range(len(wanted)))
    values: list[Any] = [value for spec in wanted for value in (spec, project, domain, each)]
    found: dict[int, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(parts, values)
        for spec, action in cursor.fetchall():
            found.setdefault(spec, []).append(action)
    return {spec: sorted(ids, reverse=True) for spec, ids in found.items()}


def read_outcomes(project: str, domain: str, ids: Sequence[int]) -> list[Outcome]:
    """What these actions came to, newest first. One statement, none for no ids."""
    if not ids:
        return []
    rows = Action.objects.filter(pk__in=ids).order_by("-pk").values_list(*ROW_FIELDS, "run__name")
    return [_outcome(RunRef(project, domain, run), *values) for *values, run in rows]


def _outcome(run: RunRef, *values: Any) -> Outcome:
    row = to_row(*values)
    return Outcome(
        task=row.task_name, path=action_path(ActionRef(run, row.name)), run=run.name, action=row.name, phase=row.phase, status=row.status,
        status_label=row.status_label, created_at=row.created_at, started_at=row.started_at, ended_at=row.ended_at,
        inputs=row.all_inputs, error=row.error, is_cached=row.status == "cached",
    )  # fmt: skip
