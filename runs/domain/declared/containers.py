"""The container in which a task's code runs: that of its spec, or the primary one of its pod. Pure.

A pod template needs no name of a primary container. The SDK writes the name into the task's config, the protocol has a field
for it, and where neither says it, the first container is the one, as in Flyte.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flyteidl2.core import tasks_pb2
from google.protobuf.json_format import MessageToDict

from runs.domain.errors import Invalid
from runs.domain.variables.grace import LONGEST_SECONDS, VARIABLE

PRIMARY = "primary_container_name"  # a key of TaskTemplate.config


@dataclass(frozen=True, slots=True)
class Container:
    """resources: quantities of Kubernetes by kind (`requests`, `limits`) and by name in lower case, such as `cpu`."""

    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def container_of(template: tasks_pb2.TaskTemplate) -> Container:
    """The container of a task; an empty one when it has none. Raises Invalid for a pod without the one that it names."""
    match template.WhichOneof("target"):
        case "container":
            return _read_container(template.container)
        case "k8s_pod":
            return _read_pod(template)
    return Container()


def _read_container(message: tasks_pb2.Container) -> Container:
    kinds = {"requests": message.resources.requests, "limits": message.resources.limits}
    names = tasks_pb2.Resources.ResourceName
    return Container(
        args=tuple(message.args),
        command=tuple(message.command),
        env={pair.key: pair.value for pair in message.env},
        image=message.image,
        resources={
            kind: {names.Name(entry.name).lower(): entry.value for entry in entries}
            for kind, entries in kinds.items()
        },
    )


def _read_pod(template: tasks_pb2.TaskTemplate) -> Container:
    pod = read_pod(template)
    found = find_primary(template, pod)
    # Of a value that comes from elsewhere in a cluster (valueFrom) there is nothing to set.
    env = {str(pair.get("name", "")): str(pair["value"]) for pair in _list(found, "env") if "value" in pair}
    if (grace := pod.get("terminationGracePeriodSeconds")) is not None:
        env = {VARIABLE: f"{min(float(grace), LONGEST_SECONDS):g}"} | env
    resources = found.get("resources") or {}
    return Container(
        args=tuple(map(str, _list(found, "args"))),
        command=tuple(map(str, _list(found, "command"))),
        env=env,
        image=str(found.get("image", "")),
        resources={
            kind: {str(name): str(value) for name, value in (resources.get(kind) or {}).items()}
            for kind in ("requests", "limits")
        },
    )


def read_pod(template: tasks_pb2.TaskTemplate) -> dict[str, Any]:
    """The pod spec of a task, as Kubernetes writes it."""
    pod: dict[str, Any] = MessageToDict(template.k8s_pod.pod_spec)
    return pod


def find_primary(template: tasks_pb2.TaskTemplate, pod: Mapping[str, Any]) -> dict[str, Any]:
    """The container of a pod that runs the task. Raises Invalid when there is none of that name, or none at all."""
    name = template.k8s_pod.primary_container_name or template.config.get(PRIMARY, "")
    containers = _list(pod, "containers")
    for container in containers:
        if not name or container.get("name") == name:
            return dict(container)
    if not containers:
        raise Invalid(f"task {template.id.name!r} has a pod without containers")
    there = ", ".join(repr(container.get("name", "")) for container in containers)
    raise Invalid(
        f"task {template.id.name!r} names {name!r} as the primary container of its pod, which has only {there}"
    )


def _list(of: Mapping[str, Any], key: str) -> list[Any]:
    """What a pod has there; Kubernetes takes null for nothing."""
    return list(of.get(key) or ())
