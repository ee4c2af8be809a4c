"""Translates between Flyte's protobuf messages and ours: what a parent enqueues, a task's container, an error.

Imports the public protocol (flyteidl2) only. Objects of the SDK come as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from flyteidl2.actions import actions_service_pb2
from flyteidl2.core import execution_pb2
from flyteidl2.task import task_definition_pb2
from flyteidl2.workflow import run_definition_pb2
from google.protobuf.wrappers_pb2 import StringValue

from runs.domain.caches import by_identity, cached
from runs.domain.declared.containers import container_of
from runs.domain.errors import Invalid
from runs.domain.failures import Failure
from runs.executor.attempt.command import Command, CommandError, parse_command

KINDS = {
    "user": execution_pb2.ExecutionError.USER,
    "system": execution_pb2.ExecutionError.SYSTEM,
    "unknown": execution_pb2.ExecutionError.UNKNOWN,
}
_UNITS = {"": 1.0, "m": 0.001, "k": 1e3}
for _power, _letter in enumerate("KMGTP", start=1):
    _UNITS |= {_letter: 1000.0**_power, f"{_letter}i": 1024.0**_power}
KIND_NAMES = {number: name for name, number in KINDS.items()}


def execution_error(failure: Failure) -> execution_pb2.ExecutionError:
    kind = (
        execution_pb2.ContainerError.RECOVERABLE
        if failure.recoverable
        else execution_pb2.ContainerError.NON_RECOVERABLE
    )
    return execution_pb2.ExecutionError(
        code=failure.code,
        message=failure.message,
        kind=KINDS.get(failure.kind, KINDS["unknown"]),
        recoverability=kind,
    )


@dataclass(frozen=True, slots=True)
class Calls:
    """What is the same in all calls of a task. data: the task in a serialised `Action`, to be put behind what `enqueue_message`
    makes: protobuf merges the two. command: None for a task that no executor can run, of which the server tells the parent.
    """

    data: bytes
    command: Command | None


@by_identity(256)  # the SDK makes one for all calls of a task (tasks.SpecMemo), and leaves it as it is
def calls_of(spec: task_definition_pb2.TaskSpec) -> Calls:
    template = spec.task_template.id
    task = run_definition_pb2.TaskAction(
        id=task_definition_pb2.TaskIdentifier(
            org=template.org,
            project=template.project,
            domain=template.domain,
            name=template.name,
            version=template.version,
        ),
        spec=spec,
    )
    return Calls(actions_service_pb2.Action(task=task).SerializeToString(), find_command(spec))


def enqueue_message(action: Any) -> actions_service_pb2.Action:
    """The message for what the SDK's `Action` describes, but for what `calls_of` its task has."""
    task = None
    if action.task is not None and (action.cache_key or action.queue):
        task = run_definition_pb2.TaskAction(
            cache_key=StringValue(value=action.cache_key) if action.cache_key else None, queue=action.queue
        )
    return actions_service_pb2.Action(
        action_id=action.action_id,
        parent_action_name=action.parent_action_name,
        task=task,
        trace=action.trace,
        condition=action.condition,
        input_uri=action.inputs_uri,
        run_output_base=action.run_output_base,
        group=action.group.name if action.group else None,
    )


def container_args(spec: task_definition_pb2.TaskSpec) -> tuple[str, ...]:
    return container_of(spec.task_template).args


def declared_cores(spec: task_definition_pb2.TaskSpec) -> float:
    """How many cores the container requests; 0 when it requests none."""
    return _declared(spec, "requests", "cpu")


def memory_limit(spec: task_definition_pb2.TaskSpec) -> int:
    """How many bytes of memory the container may take, or what it requests if it has no limit; 0 when it has neither."""
    return int(_declared(spec, "limits", "memory") or _declared(spec, "requests", "memory"))


def _declared(spec: task_definition_pb2.TaskSpec, kind: str, resource: str) -> float:
    return quantity(container_of(spec.task_template).resources.get(kind, {}).get(resource, ""))


def quantity(text: str) -> float:
    """The number in a quantity of Kubernetes, such as `2`, `500m`, `256Mi` or `1G`; 0 for what is none."""
    number = text.rstrip("mkKMGTPi")
    try:
        return float(number) * _UNITS[text[len(number) :]]
    except (ValueError, KeyError):
        return 0.0


def command_in(spec: task_definition_pb2.TaskSpec) -> Command:
    """The command of a TaskSpec, or CommandError."""
    return parse_command(container_args(spec), declared_cores(spec), memory_limit(spec))


def find_command(spec: task_definition_pb2.TaskSpec) -> Command | None:
    """The command of a TaskSpec; None for one that no executor can run, of which the server tells the parent."""
    try:
        return command_in(spec)
    except (CommandError, Invalid):
        return None


@cached(64 * 1024**2, size=lambda spec: 3 * len(spec))
def command_of(spec: bytes) -> Command:
    """The same of a serialised one."""
    return command_in(task_definition_pb2.TaskSpec.FromString(spec))


@lru_cache(maxsize=256)
def instant(text: str) -> datetime | None:
    """The time in an RFC 3339 text; None if it holds none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
