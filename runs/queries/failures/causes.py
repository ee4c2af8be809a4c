"""Which failure of a run is its cause: reads that follow an error down to where it was raised. runs/tree/causes.py has the order."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection
from django.db.models import Exists, OuterRef

from runs.domain.logs.places import LinePlace
from runs.domain.names import ROOT
from runs.domain.phases import Phase
from runs.models import Action
from runs.queries.logs.action_log import find_culprit
from runs.queries.long_runs import find_first_cause
from runs.store.bulk import chunks

MAX_DEPTH = 200  # of a chain of errors
FAILED = (Phase.FAILED, Phase.TIMED_OUT)
_FAILED = f"phase IN ({Phase.FAILED.value}, {Phase.TIMED_OUT.value})"
# The first child to end with the error of its parent, from the index action_failures. "+": not by the index of parents, where
# all children would be read that have succeeded.
_SAME_BELOW = f"""
    SELECT id FROM runs_action
    WHERE run_id = %s AND {_FAILED} AND +parent_id = %s AND error_code = %s AND error_message = %s
    ORDER BY ended_at, id LIMIT 1
"""  # noqa: S608 -- of constants


def find_passing_on(ids: Collection[int]) -> set[int]:
    """Which of these only pass on the error of a child: they failed with the same code and message. One statement for each 900."""
    same = Action.objects.filter(
        parent=OuterRef("pk"), phase__in=FAILED,
        error_code=OuterRef("error_code"), error_message=OuterRef("error_message"),
    )  # fmt: skip
    found: set[int] = set()
    for chunk in chunks(sorted(ids)):
        found.update(Action.objects.filter(Exists(same), pk__in=chunk).values_list("pk", flat=True))
    return found


def find_raiser(run_id: int) -> int | None:
    """Where the error was raised with which the root failed: down from it as long as a child has the same one.

    None when the root has not failed, or when what failed there had a failure below it: then it was not the first.
    One statement, and one for each level.
    """
    root = Action.objects.filter(run_id=run_id, name=ROOT, phase__in=FAILED)
    found = root.values_list("pk", "error_code", "error_message").first()
    if found is None:
        return None
    at, code, message = found
    for _ in range(MAX_DEPTH):
        with connection.cursor() as cursor:
            cursor.execute(_SAME_BELOW, [run_id, at, code, message])
            below = cursor.fetchone()
        if below is None:
            break
        at = below[0]
    has_failed_below = Action.objects.filter(parent_id=at, phase__in=FAILED).exists()
    return None if has_failed_below else at


def find_cause(run_id: int) -> int | None:
    """What failed first: where the root's error was raised, else the first failure with none below it. A few statements."""
    raiser = find_raiser(run_id)
    return find_first_cause(run_id) if raiser is None else raiser


def find_place(run_id: int, action_id: int) -> tuple[str, LinePlace | None]:
    """The name of an action that failed, and the line of its log at which its traceback names the user's own code. Two statements."""
    failed = Action.objects.filter(run_id=run_id, pk=action_id)
    name, attempt, code = failed.values_list("name", "attempt", "error_code").get()
    culprit = find_culprit(action_id, attempt, code)
    return name, culprit.place if culprit else None
