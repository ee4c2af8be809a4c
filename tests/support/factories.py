"""Runs made straight through the models, in any state at once; only tests may do so."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from runs.domain.inputs.siblings import with_child
from runs.domain.names import ROOT, RunRef
from runs.domain.phases import TERMINAL, Cause, Phase
from runs.models import Abort, Action, ActionEvent, LogChunk, Project, Run


def make_project(name: str = "flytesnacks") -> Project:
    return Project.objects.get_or_create(name=name)[0]


def make_run(
    shape: str = "0",
    *,
    name: str = "run1",
    domain: str = "development",
    phase: Phase = Phase.RUNNING,
    **fields: Any,
) -> Run:
    """A run whose root has as many children as the shape's first number says, each with as many as the next: `3x4`."""
    run = Run.objects.create(
        project=make_project(fields.pop("project", "flytesnacks")),
        domain=domain,
        name=name,
        spec=b"",
        base_uri="",
        raw_data_prefix="",
        created_by=fields.pop("created_by", "ann"),
        **fields,
    )
    root = make_action(run, ROOT, phase=phase, short_name="main")
    parents = [root]
    for depth, width in enumerate(int(part) for part in shape.split("x")):
        parents = make_level(run, parents, width, depth, phase)
    return run


def make_level(run: Run, parents: list[Action], width: int, depth: int, phase: Phase) -> list[Action]:
    """Give each parent so many children, in one statement."""
    made = [
        new_action(run, f"{parent.name}-{at}", parent=parent, phase=phase, short_name=f"step_{depth}")
        for parent in parents
        for at in range(width)
    ]
    Action.objects.bulk_create(made)
    return made


def new_action(
    run: Run, name: str, *, parent: Action | None = None, phase: Phase = Phase.RUNNING, **fields: Any
) -> Action:
    now = timezone.now()
    if phase not in {Phase.QUEUED, Phase.WAITING_FOR_RESOURCES, Phase.PAUSED}:
        fields.setdefault("started_at", now)
    if phase in TERMINAL:
        fields.setdefault("ended_at", now + timedelta(milliseconds=1500))
    if phase is Phase.ABORTED and "abort" not in fields:
        raise ValueError("an aborted action needs its abort")
    fields.setdefault("task_name", f"env.{fields.get('short_name', name)}")
    return Action(run=run, name=name, parent=parent, phase=phase, changed_seq=run.seq, **fields)


def make_action(run: Run, name: str, **fields: Any) -> Action:
    action = new_action(run, name, **fields)
    action.save()
    return action


def change(action: Action, **fields: Any) -> int:
    """Change an action as a transition would: the run's number grows and the row takes it."""
    Run.objects.filter(pk=action.run_id).update(seq=F("seq") + 1)
    seq = Run.objects.values_list("seq", flat=True).get(pk=action.run_id)
    Action.objects.filter(pk=action.pk).update(changed_seq=seq, **fields)
    return seq


def add(run: Run, name: str, *, parent: Action, **fields: Any) -> Action:
    """Add an action to a run that is being watched."""
    Run.objects.filter(pk=run.pk).update(seq=F("seq") + 1)
    run.refresh_from_db(fields=["seq"])
    return make_action(run, name, parent=parent, **fields)


def call(run: Run, name: str, *, parent: Action, short_name: str, group: str = "", **inputs: Any) -> Action:
    """Add a child that its parent calls with these inputs, as the engine records it."""
    digest = json.dumps(inputs)
    kept = Action.objects.values_list("child_inputs", flat=True).get(pk=parent.pk)
    made = add(run, name, parent=parent, short_name=short_name, group=group, input_digest=digest)
    if (told := with_child(kept, made.task_name, digest)) != kept:
        change(parent, child_inputs=told)
    return made


def make_abort(target: Action, **fields: Any) -> Abort:
    fields.setdefault("scope", Abort.Scope.ACTION)
    fields.setdefault("cause", Cause.EXTERNAL_ABORT)
    fields.setdefault("actor", "bob")
    fields.setdefault("reason", "too slow")
    return Abort.objects.create(run=target.run, target=target, **fields)


def make_log(action: Action, *texts: str, stream: str = "out", attempt: int = 1) -> LogChunk:
    at = int(timezone.now().timestamp() * 1e6)
    lines = json.dumps([[at, stream, text] for text in texts]).encode()
    return LogChunk.objects.create(action=action, attempt=attempt, lines=lines)


def make_event(
    action: Action, to: Phase, *, before: Phase | None = None, cause: Cause = Cause.STARTED, actor: str = ""
) -> ActionEvent:
    return ActionEvent.objects.create(
        run=action.run, action=action, seq=action.run.seq, from_phase=before, to_phase=to, cause=cause, actor=actor,
    )  # fmt: skip


def ref_of(run: Run) -> RunRef:
    return RunRef(run.project.name, run.domain, run.name)
