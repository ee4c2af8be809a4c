"""Rows that runs shared and none has any more (specs, pools, executors, images), and logs and entries of cache and audit whose time is
over.

A spec or a pool is deleted only when it was unused for longer than a process remembers its id (engine/creation.py), so nobody
writes a row with an id that is gone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q

from runs.domain.phases import LIVE
from runs.engine.creation import REMEMBERED_SECONDS
from runs.engine.retention.deletions import delete_raw
from runs.engine.retention.periods import Retention
from runs.models import (
    Action,
    Attempt,
    AuditEntry,
    CacheEntry,
    DeployedTask,
    Executor,
    Image,
    LogChunk,
    Pool,
    Run,
    TaskSpec,
)
from runs.store.clock import wall_time

UNUSED = timedelta(seconds=6 * REMEMBERED_SECONDS)
EXECUTORS_KEPT = timedelta(days=7)  # those that have left, and whose runs are gone
IMAGES_KEPT = timedelta(days=7)  # those that have no environment, since the last build
LIMIT = 500  # rows in one transaction


def _refer(model: type[models.Model], column: str) -> Exists:
    return Exists(model._default_manager.filter(**{column: OuterRef("pk")}))


def _is_used(model: type[TaskSpec | Pool]) -> Q:
    other: tuple[type[models.Model], str] = (
        (DeployedTask, "spec") if model is TaskSpec else (Executor, "pool")
    )
    return Q(_refer(Action, "spec" if model is TaskSpec else "pool")) | Q(_refer(*other))


def mark_unused() -> int:
    """Note since when shared rows are unused. Each statement asks an index of the actions for each row."""
    now, changed = wall_time(), 0
    for model in (TaskSpec, Pool):
        is_used, rows = _is_used(model), model._default_manager
        with transaction.atomic():
            # What was made a moment ago gets its first action in the same transaction, but an upload of a task may not.
            changed += rows.filter(~is_used, unused_since=None, created_at__lt=now - UNUSED).update(
                unused_since=now
            )
            rows.filter(is_used, unused_since__isnull=False).update(unused_since=None)
    return changed


def delete_unused(*, after: timedelta = UNUSED) -> int:
    """Delete executors that left long ago and whose runs are gone, then specs and pools. Returns how many rows."""
    now, deleted = wall_time(), 0
    left = Executor.objects.filter(state=Executor.State.GONE, ended_at__lt=now - EXECUTORS_KEPT)
    left = left.filter(
        ~_refer(Executor.runs.through, "executor"), ~_refer(Action, "executor"), ~_refer(Attempt, "executor")
    )
    deleted += _delete_some(left)
    for model in (TaskSpec, Pool):
        due = model._default_manager.filter(~_is_used(model), unused_since__lt=now - after)
        deleted += _delete_some(due)
    return deleted


def _delete_some(rows: models.QuerySet[Any]) -> int:
    """In one transaction for LIMIT rows. The condition is in the statement that deletes, for somebody may use one meanwhile."""
    deleted = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:LIMIT]):
        with transaction.atomic():
            count = delete_raw(rows.filter(pk__in=ids))
        deleted += count
        if not count:
            break
    return deleted


def delete_images() -> int:
    """Delete some images that have no environment, that no run needs, and that nobody builds; returns how many.

    Who is about to need or to build one holds its lock (images/table.py), and it is skipped. Who comes later finds none, and makes a
    row as for an image that was never built.
    """
    before = wall_time() - IMAGES_KEPT
    is_young = Q(created_at__gte=before) | Q(built_at__gte=before) | Q(used_at__gte=before)
    build = Run.objects.filter(pk=OuterRef("build_run"), created_at__gte=before)
    due = Image.objects.filter(~_refer(Pool, "built_image"), ~Exists(build), environment="")
    due = due.exclude(is_young).exclude(state=Image.State.BUILDING)
    with transaction.atomic():
        ids = list(
            due.order_by("pk").select_for_update(skip_locked=True).values_list("pk", flat=True)[:LIMIT]
        )
        # What was committed before the locks were taken may not have been seen: the statement that deletes asks again.
        return delete_raw(due.filter(pk__in=ids)) if ids else 0


def count_unused() -> dict[str, int]:
    """How many rows of each kind nothing uses."""
    return {
        "specs": TaskSpec.objects.filter(~_is_used(TaskSpec)).count(),
        "pools": Pool.objects.filter(~_is_used(Pool)).count(),
    }


def find_old_logs(retention: Retention, *, limit: int = LIMIT) -> list[int]:
    """Runs that ended so long ago that what they printed is to be deleted."""
    found: list[int] = []
    named = list(retention.by_project)
    spans = [(span, Q(project__name=name)) for name, span in retention.by_project.items()]
    for span, where in [*spans, (retention.default, ~Q(project__name__in=named))]:
        if span is None:
            continue
        before = wall_time() - span
        of_run = Action.objects.filter(run=OuterRef("pk"))
        runs = Run.objects.filter(where, created_at__lt=before, logs_deleted_at=None).exclude(domain="")
        runs = runs.filter(
            Exists(of_run.filter(parent=None, ended_at__lt=before)),
            ~Exists(of_run.filter(phase__in=sorted(LIVE))),
        )
        found += runs.order_by("created_at").values_list("pk", flat=True)[:limit]
    return found


def find_log_chunks(run_id: int, limit: int = LIMIT) -> list[int]:
    """Parts of the logs of a run."""
    return list(LogChunk.objects.filter(action__run=run_id).values_list("pk", flat=True)[:limit])


def delete_logs(run_id: int, chunks: list[int]) -> None:
    """Delete these parts; none: the run has no more, which is noted."""
    with transaction.atomic():
        if chunks:
            delete_raw(LogChunk.objects.filter(pk__in=chunks))
        else:
            Run.objects.filter(pk=run_id).update(logs_deleted_at=wall_time())


def find_old_entries(retention: Retention, *, limit: int = LIMIT) -> list[int]:
    """Cache entries that are too old, by the project whose run has made them."""
    found: list[int] = []
    named = Q()
    for project, span in retention.by_project.items():
        of_project = Q(source__startswith=f"{project}/")
        named |= of_project
        if span is not None:
            found += _entries(of_project, span, limit)
    if retention.default is not None:
        found += _entries(~named if named else Q(), retention.default, limit)
    return found


def _entries(where: Q, span: timedelta, limit: int) -> list[int]:
    entries = CacheEntry.objects.filter(where, created_at__lt=wall_time() - span)
    return list(entries.order_by("pk").values_list("pk", flat=True)[:limit])


def delete_entries(entries: list[int]) -> None:
    delete_raw(CacheEntry.objects.filter(pk__in=entries))


def find_old_audit(retention: Retention, *, limit: int = LIMIT) -> list[int]:
    """Entries of the audit that are too old; what belongs to no project is kept as long as the default says."""
    named = list(retention.by_project)
    spans = [(span, Q(project=name)) for name, span in retention.by_project.items()]
    found: list[int] = []
    for span, where in [*spans, (retention.default, ~Q(project__in=named))]:
        if span is not None:
            old = AuditEntry.objects.filter(where, at__lt=wall_time() - span)
            found += old.order_by("at").values_list("pk", flat=True)[:limit]
    return found


def delete_audit(entries: list[int]) -> None:
    delete_raw(AuditEntry.objects.filter(pk__in=entries))
