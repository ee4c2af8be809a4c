"""Flyte's messages about actions: what a parent enqueues, what a task's container runs, how an error is said.

Knows the public protocol (flyteidl2) only; `sdk.py` brings the SDK's own objects.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from flyteidl2.actions import actions_service_pb2
from flyteidl2.core import execution_pb2
from flyteidl2.task import task_definition_pb2
from flyteidl2.workflow import run_definition_pb2
from google.protobuf.wrappers_pb2 import StringValue

from runs.executor.command import Command, parse_command
from runs.executor.frames import Failure

KINDS = {
    "user": execution_pb2.ExecutionError.USER,
    "system": execution_pb2.ExecutionError.SYSTEM,
    "unknown": execution_pb2.ExecutionError.UNKNOWN,
}
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


def enqueue_message(action: Any) -> actions_service_pb2.Action:
    """What the SDK's `Action` asks for."""
    task = None
    if action.task is not None:
        template = action.task.task_template.id
        task = run_definition_pb2.TaskAction(
            id=task_definition_pb2.TaskIdentifier(
                org=template.org,
                project=template.project,
                domain=template.domain,
                name=template.name,
                version=template.version,
            ),
            spec=action.task,
            cache_key=StringValue(value=action.cache_key) if action.cache_key else None,
            queue=action.queue,
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
    template = spec.task_template
    if template.HasField("k8s_pod"):
        # A pod template: the SDK puts its command into the primary container.
        containers = cast("Any", template.k8s_pod.pod_spec)["containers"]
        primary = template.config.get("primary_container_name", "")
        return next((tuple(c["args"]) for c in containers if c["name"] == primary and "args" in c), ())
    return tuple(template.container.args)


@lru_cache(maxsize=1024)
def command_of(spec: bytes) -> Command:
    """The command of a serialised TaskSpec, or CommandError."""
    return parse_command(container_args(task_definition_pb2.TaskSpec.FromString(spec)))


@lru_cache(maxsize=256)
def instant(text: str) -> datetime | None:
    """The moment that an RFC 3339 text says, if it says one."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
