"""Contents of flyteidl2 messages as plain dataclasses: task specs, actions to enqueue, run specs, errors.

Pure of Django and of the database: the API, the engine and the link to executors read messages through it.
It refuses broken messages (Invalid, with the name of what is wrong) and decides nothing else.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from flyteidl2.actions import actions_service_pb2
from flyteidl2.core import execution_pb2, literals_pb2
from flyteidl2.task import run_pb2, task_definition_pb2
from flyteidl2.workflow import run_definition_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from runs.domain import conditions, names
from runs.domain.caches import cached
from runs.domain.declared.containers import container_of
from runs.domain.declared.plugins import why_refused
from runs.domain.errors import Invalid
from runs.domain.failures import Failure
from runs.domain.inputs import digests
from runs.domain.limits import MAX_SECONDS
from runs.domain.names import ActionRef, RunRef
from runs.domain.phases import TERMINAL, Kind, Phase
from runs.domain.retries import Backoff
from runs.domain.secrets import SecretRequest, read_requests
from runs.domain.variables.grace import check_grace
from runs.domain.variables.isolation import isolation_of

MAX_TASK_NAME = 255
MAX_VERSION = 63
MAX_SHORT_NAME = 63
MAX_GROUP = 255
MAX_QUEUE = 255
MAX_RETRIES = 10
MAX_URI = 4096
MAX_CACHE_KEY = 120
_KIND_NAMES = {
    execution_pb2.ExecutionError.USER: "user",
    execution_pb2.ExecutionError.SYSTEM: "system",
    execution_pb2.ExecutionError.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task as the client serialised it. Equal specs share one digest, and so one row."""

    spec: bytes  # a flyteidl2.task.TaskSpec, serialised deterministically
    digest: str  # sha256 of spec, in hex
    name: str  # environment.function
    version: str
    short_name: str
    environment: str
    task_type: str
    bundle_uri: str  # of --tgz or --pkl, or ""
    is_pickled: bool
    image: str
    env: Mapping[str, str]
    args: tuple[str, ...]  # the container's command line, templates unfilled
    max_attempts: int
    discoverable: bool
    discovery_version: str
    cache_serializable: bool  # of those with one cache key, one runs at a time
    cache_max_age_seconds: float  # older outputs do not count; 0 is unlimited
    max_runtime_seconds: float  # these three: 0 is unlimited (PROTOCOL.md §2.11)
    queued_timeout_seconds: float
    deadline_seconds: float
    backoff: Backoff
    secrets: tuple[SecretRequest, ...]
    refusal: str = ""  # why no executor can run it, and what to do; "" for what one can run


@dataclass(frozen=True, slots=True)
class NewAction:
    """A child that a parent asks for: a task to run, a trace that has run, or a condition to wait for."""

    ref: ActionRef
    parent: str
    kind: Kind
    input_uri: str
    run_output_base: str
    group: str = ""
    cache_key: str = ""
    task: TaskFacts | None = None
    title: str = ""  # the trace's or the condition's name
    phase: Phase = Phase.QUEUED
    started_at: datetime | None = None  # these four: traces only
    ended_at: datetime | None = None
    output_uri: str = ""
    failure: Failure | None = None
    timeout_seconds: float = 0.0  # conditions only; 0 is unlimited
    digest: str = ""  # of its inputs
    detail: bytes = (
        b""  # the TraceAction or ConditionAction message; of a task a TaskAction, without its spec
    )

    @property
    def name(self) -> str:
        return self.ref.name


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run to create. What is None, the operation makes up: the name, and where the files live."""

    project: str
    domain: str
    task: TaskFacts
    input_uri: str  # full path of inputs.pb, already written
    spec: bytes  # the flyteidl2.task.RunSpec, with its start time filled
    started_from: datetime
    name: str | None = None
    org: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    envs: Mapping[str, str] = field(default_factory=dict)
    base_uri: str | None = None
    raw_data_prefix: str | None = None
    created_by: str = ""
    cache_key: str = ""
    max_actions: int = 0  # how many of its actions may run at a time; 0 is unlimited
    relation: str = ""  # rerun | recover | spawn | ""
    related_to: RunRef | None = None
    image: str = ""  # what it builds, when it is a build of ours
    digest: str = ""  # of its root's inputs


# The spec is kept twice, as key and in the facts; its arguments and variables are in there a third time.
@cached(64 * 1024**2, size=lambda data: 3 * len(data))
def read_task_spec(data: bytes) -> TaskFacts:
    """Read a serialised flyteidl2.task.TaskSpec; the same bytes are read once."""
    if not data:
        raise Invalid("the task spec is empty")
    message = task_definition_pb2.TaskSpec()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise Invalid(f"the task spec is not a flyteidl2.task.TaskSpec message: {error}") from error
    return _facts(message)


def read_task_message(message: task_definition_pb2.TaskSpec) -> TaskFacts:
    """As read_task_spec, for a parsed message."""
    return read_task_spec(message.SerializeToString(deterministic=True))


def check_runnable(task: TaskFacts) -> None:
    """Raise Invalid, with what to do instead, for a task that no executor can run."""
    if task.refusal:
        raise Invalid(task.refusal)


def is_entrypoint(data: bytes) -> bool:
    """Whether people are meant to start the task of this (valid) TaskSpec."""
    return task_definition_pb2.TaskSpec.FromString(data).task_template.metadata.is_entrypoint


def _facts(message: task_definition_pb2.TaskSpec) -> TaskFacts:
    template = message.task_template
    name = template.id.name
    if not name:
        raise Invalid("the task spec has no task_template.id.name")
    check_text("task name", name, longest=MAX_TASK_NAME)
    check_text(f"version of task {name!r}", template.id.version, longest=MAX_VERSION, may_be_empty=True)
    check_text(f"short name of task {name!r}", message.short_name, longest=MAX_SHORT_NAME, may_be_empty=True)
    environment = message.environment.name
    check_text(f"environment of task {name!r}", environment, longest=MAX_SHORT_NAME, may_be_empty=True)
    if template.metadata.retries.retries > MAX_RETRIES:
        asked = template.metadata.retries.retries
        raise Invalid(f"task {name!r} asks for {asked} retries, at most {MAX_RETRIES} are allowed")
    container = container_of(template)
    _check_env(container.env)
    bundle_uri, is_pickled = _bundle(container.args)
    spec = message.SerializeToString(deterministic=True)
    return TaskFacts(
        spec=spec,
        digest=hashlib.sha256(spec).hexdigest(),
        name=name,
        version=template.id.version,
        short_name=message.short_name or name.rpartition(".")[2],
        environment=environment or name.rpartition(".")[0],
        task_type=template.type,
        bundle_uri=bundle_uri,
        is_pickled=is_pickled,
        image=container.image,
        env=container.env,
        args=container.args,
        max_attempts=template.metadata.retries.retries + 1,
        discoverable=template.metadata.discoverable,
        discovery_version=template.metadata.discovery_version,
        cache_serializable=template.metadata.cache_serializable,
        cache_max_age_seconds=_seconds(
            f"longest age of cached outputs of task {name!r}", template.metadata.cache_max_age
        ),
        max_runtime_seconds=_seconds(f"timeout of task {name!r}", template.metadata.timeout),
        queued_timeout_seconds=_seconds(
            f"queued timeout of task {name!r}", template.metadata.timeouts.queued_timeout
        ),
        deadline_seconds=_seconds(f"deadline of task {name!r}", template.metadata.timeouts.deadline),
        backoff=_backoff(name, template.metadata.retries.backoff),
        secrets=read_requests(name, template.security_context),
        refusal=why_refused(template, container),
    )


def _backoff(name: str, message: literals_pb2.Backoff) -> Backoff:
    factor = message.factor or 1.0
    if not 1.0 <= factor < math.inf:
        raise Invalid(f"the backoff factor of task {name!r} must be a number from 1 on, not {factor}")
    return Backoff(
        base_seconds=_seconds(f"backoff base of task {name!r}", message.base),
        factor=factor,
        cap_seconds=_seconds(f"backoff cap of task {name!r}", message.cap)
        if message.HasField("cap")
        else None,
    )


def _seconds(what: str, duration: Duration) -> float:
    seconds = float(duration.seconds + duration.nanos / 1e9)
    if seconds < 0:
        raise Invalid(f"the {what} is negative: {seconds} s")
    return min(seconds, MAX_SECONDS)


def _bundle(args: tuple[str, ...]) -> tuple[str, bool]:
    for flag, value in itertools.pairwise(args):
        if flag in {"--tgz", "--pkl"}:
            return value, flag == "--pkl"
    return "", False


def read_action(data: bytes | actions_service_pb2.Action) -> NewAction:
    """Read what a parent enqueues: a flyteidl2.actions.Action, parsed or not."""
    if isinstance(data, bytes):
        message = actions_service_pb2.Action()
        try:
            message.ParseFromString(data)
        except DecodeError as error:
            raise Invalid(f"the action is not a flyteidl2.actions.Action message: {error}") from error
    else:
        message = data
    ref = read_action_ref(message.action_id)
    if ref.name == names.ROOT:
        raise Invalid(f"action {names.ROOT!r} is the root of the run, it cannot be enqueued")
    parent = names.check_action_name(message.parent_action_name)
    if parent == ref.name:
        raise Invalid(f"action {ref.name!r} cannot be its own parent")
    check_text(f"group of action {ref.name!r}", message.group, longest=MAX_GROUP, may_be_empty=True)
    check_text(f"input_uri of action {ref.name!r}", message.input_uri, longest=MAX_URI, may_be_empty=True)
    bare = NewAction(
        ref=ref,
        parent=parent,
        kind=Kind.TASK,
        input_uri=message.input_uri,
        run_output_base=message.run_output_base,
        group=message.group,
        digest=digests.check_digest(digests.attached(message), f"action {ref.name!r}"),
    )
    match message.WhichOneof("spec"):
        case "task":
            key = message.task.cache_key.value
            check_text(f"cache key of action {ref.name!r}", key, longest=MAX_CACHE_KEY, may_be_empty=True)
            return replace(
                bare,
                task=read_task_message(message.task.spec),
                cache_key=key,
                detail=_beside_spec(message.task),
            )
        case "trace":
            return _trace(bare, message)
        case "condition":
            return _condition(bare, message)
        case _:
            raise Invalid(f"action {ref.name!r} has no task, trace or condition")


def _beside_spec(message: run_definition_pb2.TaskAction) -> bytes:
    """What a parent says of a child's task beside its spec: the queue."""
    check_text(
        f"queue of task {message.spec.short_name!r}", message.queue, longest=MAX_QUEUE, may_be_empty=True
    )
    return run_definition_pb2.TaskAction(queue=message.queue).SerializeToString(deterministic=True)


def _trace(bare: NewAction, message: actions_service_pb2.Action) -> NewAction:
    """Read a trace. It is recorded after the fact.

    Its error is in error.pb; until that is read, it counts as recoverable, which makes a later attempt of the parent
    run the traced function again.
    """
    trace = message.trace
    check_text(f"name of trace {bare.name!r}", trace.name, longest=MAX_TASK_NAME)
    try:
        phase = Phase(trace.phase)
    except ValueError:
        phase = Phase.QUEUED
    # Traces are recorded after the fact, so no abort can have reached one.
    if phase not in TERMINAL or phase is Phase.ABORTED:
        raise Invalid(f"trace {trace.name!r} ({bare.name}) must have ended, its phase is {trace.phase}")
    failure = Failure("TraceFailed", f"trace {trace.name} failed", recoverable=True)
    return replace(
        bare,
        kind=Kind.TRACE,
        title=trace.name,
        phase=phase,
        started_at=read_time(trace.start_time) if trace.HasField("start_time") else None,
        ended_at=read_time(trace.end_time) if trace.HasField("end_time") else None,
        output_uri=trace.outputs.output_uri,
        failure=failure if phase is Phase.FAILED else None,
        detail=trace.SerializeToString(deterministic=True),
    )


def _condition(bare: NewAction, message: actions_service_pb2.Action) -> NewAction:
    """Read a condition. Its webhook is kept with the rest of it, and is not called."""
    condition = message.condition
    check_text(f"name of condition {bare.name!r}", condition.name, longest=MAX_TASK_NAME)
    if not conditions.is_possible_type(condition.type):
        raise Invalid(f"condition {condition.name!r} must be a boolean, an integer, a float or a string")
    return replace(
        bare,
        kind=Kind.CONDITION,
        title=condition.name,
        phase=Phase.PAUSED,
        timeout_seconds=_seconds(f"timeout of condition {condition.name!r}", condition.timeout),
        detail=condition.SerializeToString(deterministic=True),
    )


def read_run_ref(identifier: Any) -> RunRef:
    """A RunIdentifier, checked."""
    return RunRef(
        project=names.check_scope("project", identifier.project),
        domain=names.check_scope("domain", identifier.domain),
        name=names.check_run_name(identifier.name),
    )


def read_action_ref(identifier: Any) -> ActionRef:
    """An ActionIdentifier, checked."""
    return ActionRef(run=read_run_ref(identifier.run), name=names.check_action_name(identifier.name))


def read_envs(spec: run_pb2.RunSpec) -> dict[str, str]:
    envs = {pair.key: pair.value for pair in spec.envs.values}
    _check_env(envs)
    return envs


def _check_env(env: Mapping[str, str]) -> None:
    names.check_variables(env)
    check_grace(env)
    isolation_of(env)


def read_failure(data: bytes) -> Failure:
    """Read an error.pb (core.ErrorDocument); a malformed one is a system failure, too (PROTOCOL.md §3)."""
    document = execution_pb2.ErrorDocument()
    try:
        document.ParseFromString(data)
    except DecodeError as error:
        return Failure("ErrorFileBadFormat", f"error.pb cannot be read: {error}", "system")
    found = document.error
    if not found.code and not found.message:
        return Failure("ErrorFileBadFormat", "error.pb holds no error", "system")
    recoverable = found.kind == execution_pb2.ContainerError.RECOVERABLE
    return Failure(found.code, found.message, _KIND_NAMES.get(found.origin, "unknown"), recoverable)


def read_time(stamp: Timestamp) -> datetime:
    try:
        moment: datetime = stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{stamp.seconds} s is not a time between the years 1 and 9999") from error
    return moment


def check_text(what: str, value: str, *, longest: int, may_be_empty: bool = False) -> str:
    """Return the text, or raise Invalid that names it and what is wrong."""
    if not value and not may_be_empty:
        raise Invalid(f"{what} is empty")
    if len(value) > longest:
        raise Invalid(f"{what} has {len(value)} characters, at most {longest} are allowed: {value[:80]!r}…")
    if "\x00" in value:
        raise Invalid(f"{what} must not contain a NUL character")
    return value
