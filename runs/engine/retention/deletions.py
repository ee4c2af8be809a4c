"""Deleting a run: at once for everybody who looks for it, then its rows in small transactions, then its files.

The row of its deletion stays. It is written first, so whatever dies in between, the next sweep goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q

from runs.domain.errors import Conflict, NotFound
from runs.domain.names import ROOT, RunRef
from runs.domain.phases import LIVE
from runs.engine.aborts import find_run_id
from runs.engine.recovery import RECOVER
from runs.engine.retention.periods import KEEP_LABEL, KEEP_VALUE, Retention
from runs.models import (
    Abort,
    Action,
    ActionEvent,
    Attempt,
    CacheEntry,
    Deletion,
    Executor,
    Image,
    LogChunk,
    Run,
)
from runs.store import hints
from runs.store.clock import wall_time

BATCH = 50  # actions in one transaction, which others wait for
READ_AT_ONCE = 5000
LIMIT = 200  # runs that one sweep finds
KEPT_DAYS = 400  # the row of a deletion
SETTING = "FLYTEUI_KEEP_RUNS"
_LIVE = sorted(LIVE)


def delete_run(ref: RunRef, *, actor: str, cause: Deletion.Cause = Deletion.Cause.ASKED) -> Deletion:
    """Delete a run that has ended: from now on nobody finds it. What is left of it is to be deleted by `delete_rows`.

    Every deletion of a run comes through here. Raises NotFound, or Conflict (it has not ended, or a live run recovers from it).
    """
    with transaction.atomic():
        run = Run.objects.select_for_update(of=["self"]).select_related("project").get(pk=find_run_id(ref))
        _check_unused(run)
        deletion = Deletion.objects.create(
            project=ref.project, domain=ref.domain, name=ref.name, run=run, run_created_at=run.created_at,
            actions=run.actions.count(), cause=cause, actor=actor, deleted_at=wall_time(),
        )  # fmt: skip
        Run.objects.filter(related_to=run).update(related_to=None)
        Image.objects.filter(build_run=run).update(build_run=None)
        if cause == Deletion.Cause.ASKED:
            # Who deletes a run wants its outputs gone. Retention leaves them to what the cache says.
            CacheEntry.objects.filter(source__startswith=f"{ref}/").delete()
        # A run without a domain is in no list, and no reference leads to it.
        Run.objects.filter(pk=run.pk).update(domain="", name=f"~{run.pk}", seq=F("seq") + 1)
        for group in (hints.RUNS, hints.run_group(run.pk), hints.DELETIONS):
            hints.publish(group)
    return deletion


def delete_due(ref: RunRef) -> bool:
    """Delete a run whose time is over; False when somebody was faster, or something has begun to use it."""
    try:
        delete_run(ref, actor=SETTING, cause=Deletion.Cause.RETENTION)
    except (NotFound, Conflict):
        return False
    return True


def _check_unused(run: Run) -> None:
    live = run.actions.filter(phase__in=_LIVE).count()
    if live:
        raise Conflict(
            f"run {run.name!r} has not ended: {live} of its actions live. Abort it first; what has ended can be deleted"
        )
    recovering = recovering_runs().filter(related_to=run).first()
    if recovering is not None:
        raise Conflict(
            f"run {recovering.name!r} recovers from run {run.name!r} and has not ended; delete it when that has"
        )


def recovering_runs() -> models.QuerySet[Run]:
    """Runs that may still take outputs of the run that they are related to."""
    return Run.objects.filter(
        Exists(Action.objects.filter(run=OuterRef("pk"), phase__in=_LIVE)), relation=RECOVER
    )


def find_due(retention: Retention, *, limit: int = LIMIT) -> list[RunRef]:
    """Runs whose time is over: those that ended longest ago first. One statement for each span of time."""
    named = dict(retention.by_project)
    found: list[RunRef] = []
    spans = [(span, Q(project__name=name)) for name, span in named.items()]
    for span, where in [*spans, (retention.default, ~Q(project__name__in=list(named)))]:
        if span is not None:
            found += _find_ended(where, span, limit)
    return found[:limit]


def _find_ended(where: Q, span: timedelta, limit: int) -> list[RunRef]:
    before = wall_time() - span
    # What began later cannot have ended before, and the index has when runs began.
    runs = Run.objects.filter(where, created_at__lt=before).exclude(domain="")
    # Without the second part, SQL would take a run without the label for one of which it does not know.
    runs = runs.filter(
        ~Q(**{f"labels__{KEEP_LABEL}": KEEP_VALUE}) | Q(**{f"labels__{KEEP_LABEL}__isnull": True})
    )
    of_run = Action.objects.filter(run=OuterRef("pk"))
    runs = runs.filter(
        Exists(of_run.filter(name=ROOT, ended_at__lt=before)), ~Exists(of_run.filter(phase__in=_LIVE))
    )
    runs = runs.exclude(pk__in=recovering_runs().filter(related_to__isnull=False).values("related_to"))
    names = runs.order_by("created_at").values_list("project__name", "domain", "name")
    return [RunRef(*parts) for parts in names[:limit]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Actions whose rows are to be deleted, children before their parents; of the last part, all that is left of the run."""

    deletion_id: int
    run_id: int
    actions: tuple[int, ...]

    def batches(self) -> Iterable[tuple[int, ...]]:
        return [self.actions[at : at + BATCH] for at in range(0, len(self.actions), BATCH)]


def find_rows() -> Rows | None:
    """The next rows of a deleted run, if any are left. Two statements."""
    deletion = Deletion.objects.filter(cleared_at=None, run__isnull=False).order_by("pk").first()
    if deletion is None or deletion.run_id is None:
        return None
    # What was made later is never the parent, nor the target of an abort, of what was made before.
    actions = Action.objects.filter(run=deletion.run_id).order_by("-pk").values_list("pk", flat=True)
    return Rows(deletion.pk, deletion.run_id, tuple(actions[:READ_AT_ONCE]))


def delete_rows(actions: Iterable[int]) -> None:
    """Delete these actions with all rows about them. Seven statements, each by an index."""
    ids = list(actions)
    with transaction.atomic():
        for model in (LogChunk, Attempt, ActionEvent):
            delete_raw(model._default_manager.filter(action__in=ids))
        Executor.objects.filter(blocked_by__in=ids).update(blocked_by=None)
        delete_raw(Abort.objects.filter(target__in=ids))
        delete_raw(Action.objects.filter(pk__in=ids))


def delete_rest(rows: Rows) -> None:
    """Delete the run itself, once it has no action. What is left of it then are files."""
    with transaction.atomic():
        Deletion.objects.filter(pk=rows.deletion_id).update(run=None)
        delete_raw(Executor.runs.through._default_manager.filter(run=rows.run_id))
        delete_raw(Run.objects.filter(pk=rows.run_id))


def delete_raw(rows: models.QuerySet[models.Model]) -> int:
    """Delete by one statement. Django's own `delete` reads all rows first, and all that point at them."""
    count: int = rows.order_by()._raw_delete(rows.db)
    return count


def forget_old() -> int:
    """Drop the rows of deletions that nobody asks for any more."""
    before = wall_time() - timedelta(days=KEPT_DAYS)
    return delete_raw(Deletion.objects.filter(deleted_at__lt=before, cleared_at__isnull=False))
