"""Creates a demonstration run: the run, the files that its actions share, and its executor, so that no worker starts one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from flyteidl2.task import run_pb2

from runs.demo import files
from runs.demo.scripted_executor import ScriptedExecutor
from runs.demo.scripts import Script
from runs.demo.tasks import task_message
from runs.domain.names import ROOT, RunRef, generate_run_name
from runs.domain.specs import NewRun, read_task_message
from runs.domain.variables import grace
from runs.engine.creation import create_run
from runs.engine.recovery import RECOVER
from runs.models import Action, Executor, Run
from runs.store import storage

WORKER = "demonstration"
SECONDS = 90.0
FEWEST_SLOTS = 8
PATIENCE_SECONDS = 30  # for which a condition of a live one waits


@dataclass(frozen=True, slots=True)
class DemoRun:
    """A run that was created for a demonstration, and its executor. pool: its key."""

    ref: RunRef
    run_id: int
    executor_id: UUID
    pool: str
    capacity: int
    executor: ScriptedExecutor
    begins_at: datetime
    uses_cache: bool


def create_demo_run(
    scripts: Mapping[str, Script], *, actor: str, ends_at: datetime | None, details: bool, slots: int = 0,
    recovers: RunRef | None = None,
) -> DemoRun:  # fmt: skip
    """Create the run. ends_at: when it is to be over at the latest; None: it begins now, and only the user answers.

    details: as ScriptedExecutor has it. slots: 0 is as many as make it short. recovers: the run that it takes over.
    """
    slots = slots or slots_for(scripts)
    begins_at = begin_before(ends_at, scripts, slots) if ends_at else datetime.now().astimezone()
    project, domain = settings.DEFAULT_PROJECT, settings.DOMAINS[0]
    calls = dict.fromkeys(filter(None, map(files.call_of, scripts.values())))
    input_uris = {call: _inputs_uri(project, domain, call) for call in calls}
    files.write((uri, files.inputs_of(call)) for call, uri in input_uris.items())
    root = files.call_of(scripts[ROOT])
    assert root is not None
    task = task_message(scripts[ROOT].task)
    # A pool of its own, so that no executor of an earlier one helps.
    envs = {"DEMONSTRATION": generate_run_name()}
    if ends_at is not None:
        # The run lies in the past: a server on the same database must not take its aborts for overdue.
        envs[grace.VARIABLE] = str(grace.LONGEST_SECONDS)
    new = NewRun(
        project=project, domain=domain, task=read_task_message(task), input_uri=input_uris[root], created_by=actor,
        spec=run_pb2.RunSpec().SerializeToString(), started_from=begins_at, labels={"made": "demo"},
        relation=RECOVER if recovers else "", related_to=recovers,
        envs=envs, digest=files.digest_of(root),
    )  # fmt: skip
    with transaction.atomic():
        ref = create_run(new, clock=lambda: begins_at)
        run = Run.objects.get(project__name=project, domain=domain, name=ref.name)
        pool = Action.objects.select_related("pool").get(run=run, name=ROOT).pool
        assert pool is not None
        # In the same transaction as the queued root, so that no worker starts an executor for it.
        branches = sum(1 for script in scripts.values() if script.children)
        executor = Executor.objects.create(pool=pool, worker=WORKER, capacity=branches + 2 * slots)
        executor.runs.add(run)
    scripted = ScriptedExecutor(
        scripts, ref, input_uris, slots=slots, details=details,
        patience_seconds=PATIENCE_SECONDS if ends_at is None else 0,
    )  # fmt: skip
    uses_cache = any(script.cache_key for script in scripts.values())
    return DemoRun(ref, run.pk, executor.pk, pool.key, executor.capacity, scripted, begins_at, uses_cache)


def slots_for(scripts: Mapping[str, Script], seconds: float = SECONDS) -> int:
    """How many actions run at a time, so that all of them take about so long, whatever their number."""
    return max(FEWEST_SLOTS, round(_work_of(scripts) / seconds))


def begin_before(ends_at: datetime, scripts: Mapping[str, Script], slots: int) -> datetime:
    """When a run must begin to be over by then, with some time to spare."""
    return ends_at - timedelta(seconds=1.3 * _work_of(scripts) / slots + 20)


def _work_of(scripts: Mapping[str, Script]) -> float:
    """Seconds."""
    return sum(attempt.seconds for script in scripts.values() for attempt in script.attempts)


def _inputs_uri(project: str, domain: str, call: files.Call) -> str:
    task, number = call
    return storage.join(storage.inputs_uri(project, domain, f"demonstration-{task}-{number}"), "inputs.pb")
