"""Use cases of creating: runs, and the actions that their code asks for. Each opens its own transaction.

How an action ends is in endings.py, what stops it in aborts.py and limits.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Q

from runs.domain.declared import plugins
from runs.domain.errors import AlreadyExists, Invalid, NotFound, RunEnded
from runs.domain.images import is_build, label_of
from runs.domain.inputs.siblings import with_child
from runs.domain.names import (
    BUILDER_POOL,
    ROOT,
    ActionRef,
    RunRef,
    check_action_name,
    check_run_name,
    generate_run_name,
)
from runs.domain.phases import TERMINAL, Cause, Kind, Phase
from runs.domain.specs import NewAction, NewRun, TaskFacts, check_runnable
from runs.domain.variables.isolation import isolation_of
from runs.engine import cache
from runs.engine.aborts import find_run_id
from runs.engine.book.book import Book, open_run
from runs.engine.book.rows import Draft, Row, draft
from runs.engine.executors import places
from runs.engine.images import table as images
from runs.engine.recovery import RECOVER, Recovered, find_recovered, find_related
from runs.models import Deletion, Pool, Project, Run, TaskSpec
from runs.store import hints, storage
from runs.store.clock import wall_time

# Rows never change after their commit, so their ids may be remembered; but for so long only, because rows that nothing has used
# for longer are deleted (engine/retention/unused.py). By key: the id, and until when it counts (monotonic).
REMEMBERED_SECONDS = 600.0
ACTOR = "flyteui"
MAX_LABEL = 255  # characters
_Known = dict[str, tuple[int, float]]
_spec_ids: _Known = {}
_pool_ids: _Known = {}


def create_run(new: NewRun, *, clock: Callable[[], datetime] = wall_time) -> RunRef:
    """Record a run and its queued root action.

    Raises NotFound (project), AlreadyExists (the name is taken in that project and domain) or Invalid (also for a task that no
    executor can run).
    """
    check_runnable(new.task)
    name = check_run_name(new.name) if new.name else generate_run_name()
    at = clock()
    with transaction.atomic():
        project = Project.objects.filter(name=new.project, is_archived=False).first()
        if project is None:
            raise NotFound(f"there is no project {new.project!r}")
        ref = RunRef(new.project, new.domain, name)
        if new.name:
            _check_not_taken(ref)
        run = Run(
            project=project, domain=new.domain, name=name, org=new.org, spec=new.spec, labels=new.labels,
            envs=new.envs, base_uri=new.base_uri or storage.run_base(ref),
            raw_data_prefix=storage.for_user_code(new.raw_data_prefix or "") or storage.raw_data_prefix(ref),
            started_from=new.started_from, created_by=new.created_by, created_at=at,
            relation=new.relation, related_to=find_related(new), max_actions=new.max_actions,
        )  # fmt: skip
        if run.related_to_id and run.relation == RECOVER:
            # Its values are files again, and may be packed when this run has ended.
            Run.objects.filter(pk=run.related_to_id).update(packed_at=None)
        try:
            with transaction.atomic():
                run.save()
        except IntegrityError as error:
            raise AlreadyExists(f"run {name!r} exists already in {new.project}/{new.domain}") from error
        with open_run(run.pk) as book:
            action = _task_action(book, new.task, new.cache_key, at=at)
            action.name, action.input_uri, action.input_digest = ROOT, new.input_uri, new.digest
            if new.image:  # builds differ by what they build
                action.short_name = f"build {label_of(new.image)}"[:MAX_LABEL]
            book.create(action, cause=Cause.ENQUEUED, actor=new.created_by, at=at)
        if new.image:
            images.begin_build(run, new.image)
        if action.phase == Phase.QUEUED and not places.adopt(action.pool_id, run.pk):
            hints.publish_work(action.pool_id)
    return ref


def _check_not_taken(ref: RunRef) -> None:
    """Raise AlreadyExists for the name of a deleted run whose files are not gone: the new run would write between them."""
    left = Deletion.objects.filter(project=ref.project, domain=ref.domain, name=ref.name)
    if left.filter(Q(cleared_at=None) | Q(kept_files__gt=0)).exists():
        raise AlreadyExists(
            f"run {ref.name!r} was deleted, but some of its files are still there: they are being deleted, or other runs use them. "
            "Take another name"
        )


def enqueue(parent: ActionRef, new: NewAction) -> bool:
    """Record a child that the code of `parent` asks for; True when it is new, else AlreadyExists is raised.

    Raises NotFound, RunEnded (run or parent has ended or is being aborted) or Invalid.
    """
    with transaction.atomic(), open_run(find_run_id(parent.run)) as book:
        row = book.get(parent.name)
        book.load([new.name])
        if book.find(new.name):
            raise AlreadyExists(f"run {book.run.name} has an action {new.name!r} already")
        check_open(book, row)
        recovered = find_recovered(book.run, [new]).get(new.name)
        action = add_action(book, new, row, at=wall_time(), recovered=recovered)
        if action.phase == Phase.QUEUED:
            hints.publish_work(action.pool_id)
    return True


def check_open(book: Book, parent: Row) -> None:
    """Raise RunEnded when nothing new may start below this parent (law 7)."""
    root = book.get(ROOT)
    for row, what in ((root, f"run {book.run.name}"), (parent, f"action {parent.name}")):
        if not row.is_live:
            raise RunEnded(f"{what} has ended ({row.phase.label.lower()}); nothing new can be enqueued")
        if row.is_ending:
            raise RunEnded(f"{what} is being aborted; nothing new can be enqueued")


def add_action(
    book: Book, new: NewAction, parent: Row, *, at: datetime, recovered: Recovered | None = None
) -> Draft:
    """Put a child into the book: a task is QUEUED (or looked up in the cache, or recovered), a condition PAUSED; a trace ends.

    A task that no executor can run has FAILED at once, in words for its parent and for the page.
    """
    check_action_name(new.name)
    if new.kind is Kind.TASK:
        if new.task is None:
            raise Invalid(f"action {new.name!r} has no task spec")
        # What is recovered, or will not run, has no use for the cache.
        key = "" if recovered or new.task.refusal else new.cache_key
        action = _task_action(book, new.task, key, at=at)
        action.detail = new.detail
    else:
        action = draft(
            book.run, phase=new.phase, task_name=new.title, short_name=new.title, detail=new.detail
        )
        if new.kind is Kind.CONDITION:
            hints.publish(hints.WAITING)
        if new.timeout_seconds:
            action.deadline_at = action.due_at = at + timedelta(seconds=new.timeout_seconds)
    if parent.new is not None:
        book.flush()
    action.kind, action.name, action.parent_id = new.kind, new.name, parent.id
    action.group, action.input_uri, action.input_digest = new.group, new.input_uri, new.digest
    action.created_at = action.queued_at = at
    cause = Cause.ENQUEUED
    if new.phase in TERMINAL:
        cause = Cause.FINISHED
        _end_traced(action, new, at=at)
    told_apart = with_child(parent.child_inputs, action.task_name, new.digest)
    if told_apart != parent.child_inputs:
        book.set(parent, child_inputs=told_apart)
    book.create(action, cause=cause, actor=parent.name, at=at)
    if recovered is not None:
        book.move(
            book.get(new.name), Phase.RECOVERED, cause=Cause.RECOVERED, at=at, actor=parent.name,
            output_uri=recovered.output_uri, source=recovered.source,
        )  # fmt: skip
    elif new.task is not None and new.task.refusal:
        book.move(
            book.get(new.name), Phase.FAILED, cause=Cause.FINISHED, at=at, actor=ACTOR,
            error_code=plugins.CODE, error_kind="user", error_message=new.task.refusal,
        )  # fmt: skip
    return action


def _end_traced(action: Draft, new: NewAction, *, at: datetime) -> None:
    action.output_uri = new.output_uri
    action.started_at, action.ended_at = new.started_at or at, new.ended_at or at
    action.created_at = action.queued_at = action.started_at
    if failure := new.failure:
        action.error_code, action.error_kind = failure.code[:255], failure.kind
        action.error_message, action.error_recoverable = failure.message, failure.recoverable


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all actions of a task in a run have in common."""

    spec_id: int
    pool_id: int
    isolation: str
    short_name: str


def _shared(book: Book, task: TaskFacts) -> _Shared:
    if (found := book.tasks.get(task.digest)) is None:
        found = book.tasks[task.digest] = _Shared(
            _spec_id(book, task), _pool_id(book, task), str(isolation_of({**task.env, **book.run.envs})),
            task.short_name or task.name.rpartition(".")[2],
        )  # fmt: skip
    return found


def _task_action(book: Book, task: TaskFacts, cache_key: str, *, at: datetime) -> Draft:
    plan, shared = cache.plan(book.run, task, cache_key), _shared(book, task)
    deadline = at + timedelta(seconds=task.deadline_seconds) if task.deadline_seconds else None
    queue_until = at + timedelta(seconds=task.queued_timeout_seconds) if task.queued_timeout_seconds else None
    return draft(
        book.run, kind=Kind.TASK, phase=plan.phase, cache_key=plan.key, cache_status=plan.status, task_name=task.name,
        short_name=shared.short_name, spec_id=shared.spec_id, pool_id=shared.pool_id,
        max_attempts=task.max_attempts, created_at=at, queued_at=at,
        max_runtime_seconds=task.max_runtime_seconds, queued_timeout_seconds=task.queued_timeout_seconds,
        deadline_at=deadline, due_at=min(filter(None, [deadline, queue_until]), default=None),
        isolation=shared.isolation,
    )  # fmt: skip


def _spec_id(book: Book, task: TaskFacts) -> int:
    """The row of this spec, made when it is new. No statement when this process knows it."""
    return _remembered(book, _spec_ids, task.digest, lambda: keep_spec(task).pk)


def keep_spec(task: TaskFacts) -> TaskSpec:
    """The row of this spec, made when it is new. Equal specs share one."""
    columns = {
        "spec": task.spec, "name": task.name, "version": task.version, "short_name": task.short_name,
        "environment": task.environment, "task_type": task.task_type,
    }  # fmt: skip
    return _get_or_create(TaskSpec, columns, digest=task.digest)


M = TypeVar("M", TaskSpec, Pool)


def _get_or_create(model: type[M], columns: dict[str, Any], **key: str) -> M:
    """A row that others share. One that was unused is used again: the update and its deletion exclude each other."""
    row, is_new = model._default_manager.get_or_create(**key, defaults=columns)
    if is_new or row.unused_since is None:
        return row
    if model._default_manager.filter(pk=row.pk).update(unused_since=None):
        return row
    return _get_or_create(model, columns, **key)  # it was deleted just now


def _pool_id(book: Book, task: TaskFacts) -> int:
    """The pool of the processes that may run this task.

    Pickled code is bound to its run, not to its bundle's file. Project and domain count, because the SDK's own client
    (`flyte.run` inside a task) is initialised once a process.
    """
    if is_build(task):
        # The worker's own code, in the worker's own Python, whoever asks for it.
        return _remembered(
            book, _pool_ids, BUILDER_POOL, lambda: _get_or_create(Pool, {}, key=BUILDER_POOL).pk
        )
    run = book.run
    bundle = f"run:{run.pk}" if task.is_pickled else task.bundle_uri
    env = {**task.env, **run.envs}
    shared = [bundle, task.image, env, run.org, book.project, run.domain]
    key = hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()

    def make() -> int:
        columns = {
            "bundle_uri": "" if task.is_pickled else task.bundle_uri, "image": task.image, "env": env,
            "built_image": images.image_for(task.image),
        }  # fmt: skip
        return _get_or_create(Pool, columns, key=key).pk

    return _remembered(book, _pool_ids, key, make)


def _remembered(book: Book, known: _Known, key: str, make: Callable[[], int]) -> int:
    """The id for a key: known to this process, or to this transaction (which may still be rolled back), or made."""
    now = monotonic()
    row_id, until = known.get(key, (0, 0.0))
    if row_id and now < until:
        return row_id
    if (made := book.made.get(key)) is None:
        made = book.made[key] = make()
        transaction.on_commit(partial(known.__setitem__, key, (made, now + REMEMBERED_SECONDS)))
    return made
