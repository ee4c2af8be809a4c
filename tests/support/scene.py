"""A run with an executor that a test plays: it says what the executor would say, through the same operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flyteidl2.actions import actions_service_pb2
from flyteidl2.core import types_pb2
from flyteidl2.task import task_definition_pb2

from runs.domain.failures import Failure
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.phases import TERMINAL, Phase
from runs.domain.specs import NewRun, TaskFacts, read_action, read_task_spec
from runs.engine import batches, leases
from runs.engine.aborts import AbortAnswer, request_abort
from runs.engine.creation import create_run, enqueue
from runs.models import Abort, Action, Executor, Pool, Project, Run
from runs.protocol import frames

PROJECT, DOMAIN = "flytesnacks", "development"
BUNDLES = ["file:///one.tgz", "file:///two.tgz"]
TOLD: list[Any] = sorted(TERMINAL - {Phase.ABORTED})  # what a trace may come to


def task_spec(
    name: str = "env.main",
    *,
    bundle: str = "file:///bundle.tgz",
    flag: str = "--tgz",
    loader: Sequence[str] = (),
    retries: int = 0,
    kind: str = "python",
) -> bytes:
    """A TaskSpec as the client would send it, as small as it may be. loader: what finds the task in the bundle."""
    spec = task_definition_pb2.TaskSpec(short_name=name.rpartition(".")[2])
    spec.task_template.id.name, spec.task_template.type = name, kind
    spec.task_template.metadata.retries.retries = retries
    spec.task_template.container.args.extend(["a0", flag, bundle, *loader])
    return spec.SerializeToString(deterministic=True)


def new_run(task: TaskFacts, name: str | None = None, *, max_actions: int = 0) -> NewRun:
    return NewRun(
        project=PROJECT, domain=DOMAIN, name=name, task=task, input_uri="file:///inputs.pb", spec=b"",
        started_from=datetime.now(UTC), max_actions=max_actions,
    )  # fmt: skip


def child_message(
    run: str, parent: str, name: str, *, kind: str, which: int = 0
) -> actions_service_pb2.Action:
    """What the SDK sends for a child. which: a variety of it.

    kind: task | elsewhere (another pool) | cached | serial (cached, one at a time) | ray (which none can run) | trace | condition.
    """
    action = actions_service_pb2.Action(parent_action_name=parent, input_uri="file:///inputs.pb")
    action.action_id.name = name
    action.action_id.run.project, action.action_id.run.domain = PROJECT, DOMAIN
    action.action_id.run.name = run
    if kind == "trace":
        action.trace.name = "traced"
        action.trace.phase = TOLD[which % len(TOLD)]
    elif kind == "condition":
        action.condition.name = "approval"
        action.condition.type.simple = types_pb2.BOOLEAN
    else:
        kind_of_task = "ray" if kind == "ray" else "python"
        spec = task_spec(
            "env.child", bundle=BUNDLES[kind == "elsewhere"], retries=which % 3, kind=kind_of_task
        )
        action.task.spec.ParseFromString(spec)
        if kind in {"cached", "serial"}:
            metadata = action.task.spec.task_template.metadata
            metadata.discoverable, metadata.cache_serializable = True, kind == "serial"
            action.task.cache_key.value = f"{kind}{which % 2}"
    return action


class Scene:
    """One run, one executor that holds its root action once `start` has been called."""

    def __init__(self, *, retries: int = 0, capacity: int = 1000, max_actions: int = 0) -> None:
        Project.objects.get_or_create(name=PROJECT)
        self.capacity, self.max_actions = capacity, max_actions
        self.seq = 0
        self.ref = self.create_run(read_task_spec(task_spec(retries=retries)))
        self.run = Run.objects.get(name=self.ref.name)
        root = self.run.actions.get()
        assert root.pool_id is not None
        self.pool = Pool.objects.get(pk=root.pool_id)
        self.executor_id, self.epoch = self.connect()

    def create_run(self, task: TaskFacts) -> RunRef:
        return create_run(new_run(task, max_actions=self.max_actions))

    def connect(self) -> tuple[UUID, int]:
        executor = Executor.objects.create(pool=self.pool, capacity=self.capacity)
        executor.runs.add(self.run)
        connected = leases.connect_executor(self.hello(executor.pk, 0))
        return connected.executor_id, connected.epoch

    def hello(self, executor_id: UUID, epoch: int, held: Iterable[frames.Held] = ()) -> frames.Hello:
        return frames.Hello(str(executor_id), self.pool.key, epoch, "host", 1, self.capacity, list(held))

    # --- what the executor says ---------------------------------------------------------------------------------

    def batch(self, *events: frames.Event) -> list[frames.EnqueueResult]:
        self.seq += 1
        return self.resend(*events)

    def resend(self, *events: frames.Event) -> list[frames.EnqueueResult]:
        return batches.apply_batch(self.executor_id, self.epoch, frames.Batch(self.seq, list(events))).results

    def key(self, name: str = ROOT) -> frames.Key:
        return frames.Key(self.run.pk, name)

    def enqueue(self, name: str, parent: str = ROOT, *, spec: bytes | None = None) -> frames.Enqueue:
        return frames.Enqueue(self.run.pk, parent, self.message(name, parent, spec=spec).SerializeToString())

    def message(
        self, name: str, parent: str = ROOT, *, spec: bytes | None = None
    ) -> actions_service_pb2.Action:
        message = actions_service_pb2.Action(parent_action_name=parent, input_uri="file:///inputs.pb")
        message.action_id.name = name
        message.action_id.run.project, message.action_id.run.domain = PROJECT, DOMAIN
        message.action_id.run.name = self.ref.name
        message.task.spec.ParseFromString(spec or task_spec("env.child"))
        return message

    def started(self, name: str = ROOT) -> frames.Started:
        return frames.Started(self.key(name), self.lease_epoch(name), frames.now_us())

    def finished(
        self, name: str = ROOT, outcome: str = "succeeded", failure: Failure | None = None
    ) -> frames.Finished:
        return frames.Finished(self.key(name), self.lease_epoch(name), frames.now_us(), outcome, failure)

    def delivered(self, name: str) -> frames.Delivered:
        return frames.Delivered(self.key(name), self.lease_epoch(name), frames.now_us())

    def abort_child(self, name: str, parent: str = ROOT) -> frames.AbortChild:
        return frames.AbortChild(self.key(name), parent, frames.now_us())

    def lease_epoch(self, name: str) -> int:
        return (
            Action.objects.filter(run=self.run, name=name).values_list("lease_epoch", flat=True).first() or 1
        )

    # --- shorthands ---------------------------------------------------------------------------------------------

    def lease(self, limit: int = 100) -> list[frames.Lease]:
        return leases.lease_queued(self.executor_id, self.epoch, limit)

    def start(self) -> None:
        """Lease and start the root."""
        self.lease()
        self.batch(self.started())

    def grow(self, *names: str, parent: str = ROOT) -> None:
        """Children that run."""
        self.batch(*[self.enqueue(name, parent) for name in names])
        self.batch(*[self.started(name) for name in names])

    def queue(self, name: str, parent: str = ROOT) -> None:
        """A child of another pool, which nobody serves: it stays queued."""
        spec = task_spec("env.elsewhere", bundle="file:///other.tgz")
        enqueue(ActionRef(self.ref, parent), read_action(self.message(name, parent, spec=spec)))

    def action(self, name: str = ROOT) -> Action:
        return Action.objects.select_related("abort", "parent").get(run=self.run, name=name)

    def phase(self, name: str = ROOT) -> Phase:
        return Phase(self.action(name).phase)

    def phases(self) -> dict[str, Phase]:
        return {name: Phase(phase) for name, phase in self.run.actions.values_list("name", "phase")}

    def abort(self, name: str = ROOT, *, reason: str = "not needed", actor: str = "ann") -> AbortAnswer:
        target = self.ref if name == ROOT else ActionRef(self.ref, name)
        return request_abort(target, reason=reason, actor=actor)

    def abort_of(self, name: str) -> Abort:
        abort = self.action(name).abort
        assert abort is not None
        return abort
