"""A run that has something of everything that a page can show, made straight through the models; only tests may do so.

`manage.py shell -c "from tests.support.showcase import make_everything as m; m('name')"` puts it into a server's database.
"""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from flyteidl2.core import types_pb2
from flyteidl2.workflow import run_definition_pb2

from runs.domain import conditions
from runs.domain.inputs.siblings import with_child
from runs.domain.limits import MAX_RUNTIME
from runs.domain.phases import Cause, Escalation, Kind, Phase
from runs.models import Abort, Action, Run
from tests.support import factories

SIMPLE = {
    "boolean": types_pb2.BOOLEAN,
    "integer": types_pb2.INTEGER,
    "float": types_pb2.FLOAT,
    "string": types_pb2.STRING,
}
PROMPT = """\
# Publish the model?

The run reached **0.93** on the *held-out* set; see the [notes](https://example.com/notes/a-rather-long-address-of-a-page).

| split | accuracy |
|-------|---------:|
| train | 0.97     |
| test  | 0.93     |

1. Read the report.
2. Look at `confusion.png`.

> Whoever approves is on call tonight.
"""
STACK = """\
Task env.train (a0-refusing)
  File "train.py", line 31, in train
    await step(model)
  File "train.py", line 18, in step
    await asyncio.sleep(3600)
"""


def make_condition(
    run: Run, name: str, kind: str, prompt: str, *, markdown: bool = False, **fields: object
) -> Action:
    """A condition that waits for a value of this type."""
    message = run_definition_pb2.ConditionAction(name=name, prompt=prompt)
    if markdown:
        message.prompt_type = run_definition_pb2.CONDITION_PROMPT_TYPE_MARKDOWN
    message.type.simple = SIMPLE[kind]
    fields = {"phase": Phase.PAUSED, "short_name": name, "task_name": name, **fields}
    return factories.make_action(
        run, f"a0-{name}", parent=run.actions.get(name="a0"), kind=Kind.CONDITION,
        detail=message.SerializeToString(), **fields,
    )  # fmt: skip


def answered_with(run: Run, name: str, kind: str, prompt: str, value: conditions.Value) -> Action:
    """A condition that somebody has answered."""
    said = "The numbers are those of last week.\nGo."
    action = make_condition(
        run, name, kind, prompt, phase=Phase.SUCCEEDED, value=conditions.to_bytes(value), comment=said
    )
    factories.make_event(action, Phase.SUCCEEDED, before=Phase.PAUSED, cause=Cause.SIGNALLED, actor="carol")
    return action


def make_refusing(run: Run, name: str, **fields: object) -> Action:
    """An action that was asked to stop 42 s ago and goes on."""
    now = timezone.now()
    action = factories.make_action(
        run, name, parent=run.actions.get(name="a0"), short_name="train",
        started_at=now - timedelta(seconds=90),
    )  # fmt: skip
    asked = now - timedelta(seconds=42)
    abort = factories.make_abort(action, actor="ann", reason="wrong data", requested_at=asked)
    fields = {
        "escalation": Escalation.ASKED_AGAIN, "refusing_since": now - timedelta(seconds=12),
        "escalates_at": now + timedelta(seconds=18), "stuck_in": STACK, **fields,
    }  # fmt: skip
    factories.change(action, abort=abort, delivered_at=asked + timedelta(milliseconds=4), **fields)
    return action


def make_everything(name: str) -> Run:
    """The run."""
    now = timezone.now()
    run = factories.make_run(name=name, created_at=now - timedelta(seconds=120))
    root = run.actions.get()
    Action.objects.filter(pk=root.pk).update(
        created_at=run.created_at, started_at=run.created_at, task_name="demo.main"
    )

    def child(name: str, phase: Phase, **fields: object) -> Action:
        fields = {"short_name": name, "created_at": now - timedelta(seconds=100), **fields}
        if phase is not Phase.QUEUED:
            fields.setdefault("started_at", now - timedelta(seconds=95))
        if phase in {Phase.SUCCEEDED, Phase.RECOVERED, Phase.ABORTED}:
            fields.setdefault("ended_at", now - timedelta(seconds=40))
        return factories.make_action(run, f"a0-{name}", parent=root, phase=phase, **fields)

    make_refusing(run, "a0-refusing")
    make_refusing(run, "a0-closed", escalation=Escalation.CLOSED)
    slow = child("slow", Phase.RUNNING, max_runtime_seconds=5)
    limit = factories.make_abort(
        slow, cause=Cause.TIMEOUT, actor="flyteui", reason="attempt 1 ran longer than its limit of 5 s"
    )
    factories.change(slow, abort=limit, exceeded=MAX_RUNTIME)
    child("flaky", Phase.QUEUED, attempt=2, max_attempts=3, not_before=now + timedelta(minutes=30))
    make_condition(run, "ship", "boolean", "Ship it?", deadline_at=now + timedelta(minutes=9))
    make_condition(run, "rows", "integer", "How many rows may be wrong?")
    make_condition(run, "rate", "float", "Which rate?")
    make_condition(run, "long", "boolean", PROMPT, markdown=True)
    make_condition(run, "note", "string", "What shall the release be called?")
    answered_with(run, "reviewed", "boolean", "Reviewed?", value=True)
    child("cached", Phase.SUCCEEDED, cache_status=2)
    child("recovered", Phase.RECOVERED)
    told = ""
    for number in range(3):
        inputs = (
            f'{{"number":{number},"corpus":"s3://corpus/web-2026-11/part-{number:05}.parquet","lr":0.0031}}'
        )
        one = child(f"trial{number}", Phase.RUNNING, short_name="trial", group="trials", input_digest=inputs)
        told = with_child(told, one.task_name, inputs)
    factories.change(root, child_inputs=told, input_digest='{"trials":3,"title":"all of them"}')
    child("waiting", Phase.QUEUED, group="trials")
    gone = child("trial9", Phase.RUNNING, short_name="trial", group="trials")
    abort = Abort.objects.get(run=run, target__name="a0-refusing")
    factories.change(
        gone, phase=Phase.ABORTED, abort=abort, ended_at=now, delivered_at=abort.requested_at,
        escalation=Escalation.CLOSED, refusing_since=now - timedelta(seconds=42), stuck_in=STACK,
    )  # fmt: skip
    return run


def make_unclaimed(name: str) -> Run:
    """A run that no executor takes: nobody decides about its root, which waits for the cache without a key."""
    return factories.make_run(name=name, phase=Phase.WAITING_FOR_RESOURCES)
