"""Finds what a task or a run declares that differs here or is not here. Pure; the same bytes are read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flyteidl2.core import tasks_pb2
from flyteidl2.task import run_pb2, task_definition_pb2
from flyteidl2.workflow import run_definition_pb2
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from runs.domain.caches import cached
from runs.domain.declared import table
from runs.domain.declared.containers import container_of, find_primary, read_pod
from runs.domain.declared.plugins import PLUGINS, PYTHON
from runs.domain.declared.table import Entry, Standing, Tree
from runs.domain.errors import Invalid
from runs.domain.texts import counted

DEBUG_VARIABLE = "_F_E_VS"
MAX_VALUE = 120  # characters
_CACHE_BYTES = 4 * 1024**2
_UNKNOWN_TYPE = table.differs(
    "type of the task", "It is not known here: the task runs as a Python task, in a process of its own."
)


@dataclass(frozen=True, slots=True)
class Declared:
    """One declaration that is not taken as it is meant. tasks: the names of those that have it; () is of the run."""

    title: str
    value: str
    standing: Standing
    instead: str
    tasks: tuple[str, ...] = ()


@cached(_CACHE_BYTES, size=lambda data: 2 * len(data))
def of_task(data: bytes) -> tuple[Declared, ...]:
    """What the task of this TaskSpec declares."""
    spec = task_definition_pb2.TaskSpec.FromString(data)
    template = spec.task_template
    found = list(_walk(spec, table.TASK))
    if template.type not in PYTHON and template.type not in PLUGINS:
        found.append(_declared(_UNKNOWN_TYPE, template.type))
    try:
        found += _resources(container_of(template).resources)
        if template.HasField("k8s_pod"):
            found += _pod(read_pod(template), find_primary(template, read_pod(template)))
    except Invalid:  # then it was refused, and no page shows it
        pass
    return tuple(dict.fromkeys(found))


@cached(_CACHE_BYTES, size=lambda data: 2 * len(data))
def of_run(data: bytes) -> tuple[Declared, ...]:
    """What the run of this RunSpec declares for itself."""
    spec = run_pb2.RunSpec.FromString(data)
    found = list(_walk(spec, table.RUN))
    if any(pair.key == DEBUG_VARIABLE for pair in spec.envs.values):
        found.append(_declared(table.DEBUG, ""))
    return tuple(dict.fromkeys(found))


def of_condition(data: bytes) -> tuple[Declared, ...]:
    """What a ConditionAction declares."""
    return tuple(_walk(run_definition_pb2.ConditionAction.FromString(data), table.CONDITION))


def of_child(data: bytes) -> tuple[Declared, ...]:
    """What is kept of the TaskAction of a child: what its parent said beside its spec."""
    return tuple(_walk(run_definition_pb2.TaskAction.FromString(data), table.TASK_ACTION))


def merged(found: Iterable[tuple[str, Declared]]) -> tuple[Declared, ...]:
    """One line for each declaration, with the tasks that have it; found: names of tasks, "" for the run, and declarations.

    What the run itself declares holds for all of its tasks.
    """
    tasks: dict[Declared, dict[str, None]] = {}
    for task, one in found:
        tasks.setdefault(one, {})[task] = None
    return tuple(replace(one, tasks=() if "" in names else tuple(names)) for one, names in tasks.items())


def unclassified(descriptor: Any, tree: Tree, path: str = "") -> Iterator[str]:
    """Fields of a message that the table does not have, and entries of fields that the message does not have."""
    known = descriptor.fields_by_name
    yield from (f"{path}{name} is in the table only" for name in tree if name not in known)
    for name, field in known.items():
        entry = tree.get(name)
        if entry is None:
            yield f"{path}{name} is not in the table"
        elif not isinstance(entry, Entry):
            yield from unclassified(field.message_type, entry, f"{path}{name}.")


def _walk(message: Message, tree: Tree) -> Iterator[Declared]:
    for field, value in message.ListFields():
        entry = tree.get(field.name)
        if isinstance(entry, Entry):
            if entry.is_listed and (not isinstance(value, Message) or value.ByteSize()) and value:
                yield _declared(entry, value)
        elif entry is None:
            yield _declared(table.NEWER, f"{message.DESCRIPTOR.name}.{field.name}")
        else:
            yield from _walk(value, entry)
    newer: Any = UnknownFieldSet(message)  # its annotations lack the iteration
    for unknown in newer:
        yield _declared(table.NEWER, f"number {unknown.field_number} of {message.DESCRIPTOR.name}")


def _resources(resources: Mapping[str, Mapping[str, str]]) -> Iterator[Declared]:
    """The limit of a resource if it has one, else what is requested."""
    asked = {**resources.get("requests", {}), **resources.get("limits", {})}
    for name, value in asked.items():
        entry = table.RESOURCES.get(name.replace("-", "_"))
        if entry is None:
            yield _declared(table.ANOTHER_RESOURCE, f"{name}: {value}")
        else:
            yield _declared(entry, value)


def _pod(pod: Mapping[str, Any], primary: Mapping[str, Any]) -> Iterator[Declared]:
    others = [str(one.get("name", "")) for one in pod.get("containers") or () if one != primary]
    if others:
        yield _declared(table.SIDECARS, others)
    yield from _keys(pod, table.POD)
    yield from _keys(primary, table.PRIMARY)
    for pair in primary.get("env") or ():
        if "valueFrom" in pair:
            yield _declared(table.VARIABLE_FROM, str(pair.get("name", "")))


def _keys(of: Mapping[str, Any], known: Mapping[str, Entry]) -> Iterator[Declared]:
    for key, value in of.items():
        if value in (None, [], {}):
            continue
        entry = known.get(key)
        if entry is None:
            yield _declared(table.ANOTHER_SETTING, key)
        elif entry.is_listed:
            yield _declared(entry, value)


def _declared(entry: Entry, value: object) -> Declared:
    return Declared(entry.title, _text(value)[:MAX_VALUE], entry.standing, entry.instead)


def _text(value: object) -> str:
    """A value in few words: texts and numbers as they are, of many things which or how many."""
    text = "" if isinstance(value, bool) else str(value)
    match value:
        case tasks_pb2.ReusePolicy():
            text = counted(value.max_replicas, "replica")
        case Message():
            inner = (one for _, one in value.ListFields() if isinstance(one, str | Message | Mapping))
            text = ", ".join(filter(None, map(_text, inner)))
        case Mapping():
            text = ", ".join(f"{key}={_text(one)}" for key, one in value.items())
        case Sequence() if not isinstance(value, str):
            names = [_name(one) for one in value]
            text = ", ".join(names) if all(names) else f"{len(names):,}"
    return text


def _name(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name", ""))
    return value if isinstance(value, str) else ""
