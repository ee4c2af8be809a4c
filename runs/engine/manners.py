"""Manners: what tasks were seen to do to those with which they share a process. Their actions run alone from then on.

A task is known by project, domain and name, across versions. It shares again after CLEAN_ENOUGH executions without a fault, or
when somebody has it forgotten. What FLYTEUI_ISOLATE of a task or run says counts more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from runs.domain.names import ActionRef
from runs.domain.phases import Kind
from runs.domain.retries import Ending, How
from runs.domain.variables.isolation import Isolation
from runs.engine.aborts import find_run_id
from runs.engine.book.book import Book, open_run
from runs.engine.book.rows import Row
from runs.models import Manner
from runs.protocol import frames

CLEAN_ENOUGH = 20
MAX_DETAIL = 300  # characters


def note(
    book: Book, task_name: str, kind: Manner.Kind, detail: str, *, at: datetime, only_again: bool = False
) -> None:
    """Remember what a task of this run did, in place of what it did before. One statement; repeating is harmless.

    detail: what the page says of it, such as "blocked its event loop for 4.2 s": begins with a verb, ends without a stop.
    only_again: of a task of which something is remembered already; its clean executions are counted anew.
    """
    run = book.run
    if only_again:
        Manner.objects.filter(project_id=run.project_id, domain=run.domain, task_name=task_name).update(
            kind=kind, detail=detail[:MAX_DETAIL], run_name=run.name, seen_at=at, clean_executions=0
        )
        return
    seen = Manner(
        project_id=run.project_id, domain=run.domain, task_name=task_name, kind=kind, detail=detail[:MAX_DETAIL],
        run_name=run.name, seen_at=at,
    )  # fmt: skip
    Manner.objects.bulk_create(
        [seen],
        update_conflicts=True,
        unique_fields=["project", "domain", "task_name"],
        update_fields=["kind", "detail", "run_name", "seen_at", "clean_executions"],
    )
    if book.alone is not None:
        book.alone.add(task_name)


def runs_alone(book: Book, row: Row) -> bool:
    """Whether the next attempt gets a process of its own. One statement for all actions of a book, none where the task says it."""
    if row.isolation != Isolation.AUTO or row.kind != Kind.TASK:
        return row.isolation == Isolation.ALWAYS
    if book.alone is None:
        known = Manner.objects.filter(project_id=book.run.project_id, domain=book.run.domain)
        book.alone = set(known.values_list("task_name", flat=True))
    return row.task_name in book.alone


def count_execution(book: Book, row: Row, ending: Ending) -> None:
    """An attempt has ended. If it ran alone and ended by itself, its task is one execution nearer to sharing again.

    One that had begun before the fault was seen does not count: it may be the one that did it. At most two statements.
    """
    if not row.is_alone or row.abort_id is not None or row.started_at is None or not _is_clean(ending):
        return
    # Whoever has the row locked counts too, or has just seen a fault: one execution more or less makes no difference, while
    # waiting here with the run's row locked could.
    manner = (
        _of_task(book, row).select_for_update(skip_locked=True).filter(seen_at__lt=row.started_at).first()
    )
    if manner is None:
        return
    if manner.clean_executions + 1 >= CLEAN_ENOUGH:
        manner.delete()
    else:
        Manner.objects.filter(pk=manner.pk).update(clean_executions=F("clean_executions") + 1)


def _is_clean(ending: Ending) -> bool:
    """Whether its code came to an end: what it raises is its own affair, how its process died is not."""
    is_own = ending.failure is not None and ending.failure.kind == "user"
    return ending.how is How.SUCCEEDED or (ending.how is How.FAILED and is_own)


def _of_task(book: Book, row: Row) -> QuerySet[Manner]:
    return Manner.objects.filter(
        project_id=book.run.project_id, domain=book.run.domain, task_name=row.task_name
    )


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The answer to a request to forget. was_known: there was something to forget."""

    task_name: str
    was_known: bool


def forget(ref: ActionRef) -> Forgotten:
    """Let the task of this action share a process again. Raises NotFound."""
    with transaction.atomic(), open_run(find_run_id(ref.run)) as book:
        row = book.get(ref.name)
        deleted, _ = _of_task(book, row).delete()
        book.set(row, is_alone=row.is_alone)  # changes nothing, and has open pages load its panel again
        return Forgotten(row.task_name, deleted > 0)


def note_ending(book: Book, row: Row, event: frames.Finished, at: datetime) -> None:
    """Keep what an attempt did to others in the process that it shared."""
    if event.blocked_seconds:
        did = f"blocked its event loop for {event.blocked_seconds:.1f} s"
        # Alone it has held up nobody, which is a fault of a task only that has done so before.
        note(book, row.task_name, Manner.Kind.BLOCKED, did, at=at, only_again=bool(row.is_alone))
    if event.has_died and row.is_alone and event.failure:
        did = f"ended its process ({event.failure.code})"
        note(book, row.task_name, Manner.Kind.DIED, did, at=at)
    if event.changed:
        did = f"changed the {event.changed} of its process"
        note(book, row.task_name, Manner.Kind.CHANGED, did, at=at)
    if event.left_behind:
        did = f"left behind {event.left_behind}"
        note(book, row.task_name, Manner.Kind.LEFT_BEHIND, did, at=at)
