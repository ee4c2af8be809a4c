"""Use cases of creating: runs, and the actions that their code asks for. Each opens its own transaction.

Stopping is in aborts.py, signals of conditions in signals.py, executors and their leases in leases.py, what executors report in batches.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from runs import cache, events, storage, transitions
from runs.aborts import AbortAnswer, BulkAnswer, abort_left_behind, find_run_id, request_abort, request_aborts
from runs.errors import AlreadyExists, Conflict, Invalid, NotFound, RunEnded
from runs.executor.frames import Failure
from runs.models import Action, Pool, Project, Run, TaskSpec
from runs.names import ROOT, ActionRef, RunRef, check_action_name, check_run_name, generate_run_name
from runs.phases import LIVE, TERMINAL, Cause, Kind, Phase
from runs.recovery import Recovered, find_recovered, find_related
from runs.signals import SignalAnswer, signal_condition
from runs.specs import NewAction, NewRun, TaskFacts
from runs.timeouts import stopped
from runs.transitions import Book, Row

__all__ = [
    "AbortAnswer", "BulkAnswer", "SignalAnswer", "add_action", "check_open", "create_run", "enqueue", "report",
    "request_abort", "request_aborts", "signal_condition",
]  # fmt: skip

# Rows never change after their commit, so their ids may be remembered for the life of the process.
_spec_ids: dict[str, int] = {}
_pool_ids: dict[str, int] = {}


def create_run(new: NewRun, *, clock: Callable[[], datetime] = timezone.now) -> RunRef:
    """Record a run and its queued root action.

    Raises NotFound (project), AlreadyExists (the name is taken in that project and domain) or Invalid.
    """
    name = check_run_name(new.name) if new.name else generate_run_name()
    at = clock()
    with transaction.atomic():
        project = Project.objects.filter(name=new.project, is_archived=False).first()
        if project is None:
            raise NotFound(f"there is no project {new.project!r}")
        ref = RunRef(new.project, new.domain, name)
        run = Run(
            project=project, domain=new.domain, name=name, org=new.org, spec=new.spec, labels=new.labels,
            envs=new.envs, base_uri=new.base_uri or storage.run_base(ref),
            raw_data_prefix=new.raw_data_prefix or storage.raw_data_prefix(ref),
            started_from=new.started_from, created_by=new.created_by, created_at=at,
            relation=new.relation, related_to=find_related(new),
        )  # fmt: skip
        try:
            with transaction.atomic():
                run.save()
        except IntegrityError as error:
            raise AlreadyExists(f"run {name!r} exists already in {new.project}/{new.domain}") from error
        with transitions.open_run(run.pk) as book:
            action = _task_action(book, new.task, new.cache_key, at=at)
            action.name, action.input_uri = ROOT, new.input_uri
            book.create(action, cause=Cause.ENQUEUED, actor=new.created_by, at=at)
        if action.phase == Phase.QUEUED:
            _ask_for_executor(action)
    return ref


def enqueue(parent: ActionRef, new: NewAction) -> bool:
    """Record a child that the code of `parent` asks for; True when it is new, else AlreadyExists is raised.

    Raises NotFound, RunEnded (run or parent has ended or is being aborted) or Invalid.
    """
    with transaction.atomic(), transitions.open_run(find_run_id(parent.run)) as book:
        row = book.get(parent.name)
        book.load([new.name])
        if book.find(new.name):
            raise AlreadyExists(f"run {book.run.name} has an action {new.name!r} already")
        check_open(book, row)
        recovered = find_recovered(book.run, [new]).get(new.name)
        action = add_action(book, new, row, at=timezone.now(), recovered=recovered)
        if action.phase == Phase.QUEUED:
            _ask_for_executor(action)
    return True


def check_open(book: Book, parent: Row) -> None:
    """Raise RunEnded when nothing new may start below this parent (law 7)."""
    root = book.get(ROOT)
    for row, what in ((root, f"run {book.run.name}"), (parent, f"action {parent.name}")):
        if not row.is_live:
            raise RunEnded(f"{what} has ended ({row.phase.label.lower()}); nothing new can be enqueued")
        if row.is_aborting:
            raise RunEnded(f"{what} is being aborted; nothing new can be enqueued")


def add_action(
    book: Book, new: NewAction, parent: Row, *, at: datetime, recovered: Recovered | None = None
) -> Action:
    """Put a child into the book: a task is QUEUED (or looked up in the cache, or recovered), a condition PAUSED; a trace ends."""
    check_action_name(new.name)
    if new.kind is Kind.TASK:
        if new.task is None:
            raise Invalid(f"action {new.name!r} has no task spec")
        # What is recovered has no use for the cache.
        action = _task_action(book, new.task, "" if recovered else new.cache_key, at=at)
    else:
        action = Action(
            run=book.run, phase=new.phase, task_name=new.title, short_name=new.title, detail=new.detail
        )
        if new.timeout_seconds:
            action.deadline_at = action.due_at = at + timedelta(seconds=new.timeout_seconds)
    if parent.new is not None:
        book.flush()
    action.kind, action.name, action.parent_id = new.kind, new.name, parent.id
    action.group, action.input_uri = new.group, new.input_uri
    action.created_at = action.queued_at = at
    cause = Cause.ENQUEUED
    if new.phase in TERMINAL:
        cause = Cause.FINISHED
        _end_traced(action, new, at=at)
    book.create(action, cause=cause, actor=parent.name, at=at)
    if recovered is not None:
        book.move(
            book.get(new.name), Phase.RECOVERED, cause=Cause.RECOVERED, at=at, actor=parent.name,
            output_uri=recovered.output_uri, source=recovered.source,
        )  # fmt: skip
    return action


def _end_traced(action: Action, new: NewAction, *, at: datetime) -> None:
    action.output_uri = new.output_uri
    action.started_at, action.ended_at = new.started_at or at, new.ended_at or at
    action.created_at = action.queued_at = action.started_at
    if failure := new.failure:
        action.error_code, action.error_kind = failure.code[:255], failure.kind
        action.error_message, action.error_recoverable = failure.message, failure.recoverable


def _task_action(book: Book, task: TaskFacts, cache_key: str, *, at: datetime) -> Action:
    plan = cache.plan(book.run, task, cache_key)
    deadline = at + timedelta(seconds=task.deadline_seconds) if task.deadline_seconds else None
    queue_until = at + timedelta(seconds=task.queued_timeout_seconds) if task.queued_timeout_seconds else None
    return Action(
        run=book.run, kind=Kind.TASK, phase=plan.phase, cache_key=plan.key, cache_status=plan.status, task_name=task.name,
        short_name=task.short_name or task.name.rpartition(".")[2], spec_id=_spec_id(book, task),
        pool_id=_pool_id(book, task), max_attempts=task.max_attempts, created_at=at, queued_at=at,
        max_runtime_seconds=task.max_runtime_seconds, queued_timeout_seconds=task.queued_timeout_seconds,
        deadline_at=deadline, due_at=min(filter(None, [deadline, queue_until]), default=None),
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
    return TaskSpec.objects.get_or_create(digest=task.digest, defaults=columns)[0]


def _pool_id(book: Book, task: TaskFacts) -> int:
    """The pool of the processes that may run this task.

    Pickled code is bound to its run, not to its bundle's file. Project and domain count, because the SDK's own client
    (`flyte.run` inside a task) is initialised once a process.
    """
    run = book.run
    bundle = f"run:{run.pk}" if task.is_pickled else task.bundle_uri
    env = {**task.env, **run.envs}
    shared = [bundle, task.image, env, run.org, run.project.name, run.domain]
    key = hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()

    def make() -> int:
        columns = {"bundle_uri": "" if task.is_pickled else task.bundle_uri, "image": task.image, "env": env}
        return Pool.objects.get_or_create(key=key, defaults=columns)[0].pk

    return _remembered(book, _pool_ids, key, make)


def _remembered(book: Book, known: dict[str, int], key: str, make: Callable[[], int]) -> int:
    """The id for a key: known to this process, or to this transaction (which may still be rolled back), or made."""
    if (row_id := known.get(key) or book.made.get(key)) is None:
        row_id = book.made[key] = make()
        transaction.on_commit(partial(known.__setitem__, key, row_id))
    return row_id


def _ask_for_executor(action: Action) -> None:
    assert action.pool_id is not None
    events.publish(events.pool_group(action.pool_id))
    events.publish(events.WORKERS)


def report(ref: ActionRef, attempt: int, phase: Phase, *, failure: Failure | None, output_uri: str) -> None:
    """What somebody outside of our executors says of an action (ActionsService.Update).

    Raises NotFound, StaleTransition (it has ended), Conflict (an executor holds it: law 11) or Invalid (another attempt
    is current).
    """
    at = timezone.now()
    with transaction.atomic(), transitions.open_run(find_run_id(ref.run)) as book:
        row = book.get(ref.name)
        if attempt and attempt != row.attempt:
            raise Invalid(f"action {ref.name!r} is at attempt {row.attempt}, not {attempt}")
        if row.is_live and row.executor_id is not None:
            raise Conflict(f"action {ref.name!r} is held by an executor; only that one may report it")
        if row.kind == Kind.CONDITION:
            raise Conflict(f"action {ref.name!r} is a condition; signal it or abort it")
        if phase in LIVE:
            if phase is not row.phase:
                book.move(row, phase, cause=Cause.STARTED, at=at, actor="update")
            return
        end(book, row, phase, at=at, failure=failure, output_uri=output_uri, actor="update")
        abort_left_behind(book, [row], at=at)


def end(
    book: Book, row: Row, phase: Phase, *, at: datetime, failure: Failure | None, output_uri: str, actor: str
) -> None:
    """Move to a terminal phase. What was asked to stop is ABORTED, whatever it returned or raised (law 4).

    What was stopped for a limit is TIMED_OUT instead, or queued again when it has a retry left.
    """
    if row.abort_id is not None:
        stopped(book, row, cause=Cause.FINISHED, at=at, actor=actor)
        return
    fields: dict[str, object] = {}
    if failure is not None:
        fields |= {
            "error_code": failure.code[:255], "error_kind": failure.kind, "error_message": failure.message,
        }  # fmt: skip
    if phase is Phase.SUCCEEDED:
        fields["output_uri"] = output_uri
    book.move(row, phase, cause=Cause.FINISHED, at=at, actor=actor, **fields)
