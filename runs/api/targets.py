"""Which project a request is about, and what it touches: the facts by which the gate decides and the audit tells.

The identifiers of Flyte's requests have the same names in all services, so one walk finds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from google.protobuf.message import Message

# The first of these that a request has names its target; `task_id` of a run that is created only names its source.
FIELDS = (
    "action_id", "parent_action_id", "action_attempt_id", "run_id", "project_id", "action", "project",
    "task_name", "task_id", "trigger_name", "id",
)  # fmt: skip
_SECRET = "flyteidl2.secret.SecretIdentifier"  # noqa: S105 a name


def target_of(request: Message) -> tuple[str, ...]:
    """Project, domain, run or task, action: as much of it as the request names."""
    return next(_named(request), ())


def shown_target(request: Any) -> str:
    """The same for the audit, which also names a secret that is of no project."""
    if _has(request, "id") and request.id.DESCRIPTOR.full_name == _SECRET:
        return "/".join(filter(None, (request.id.project, request.id.domain, request.id.name)))
    return "/".join(target_of(request))


def project_of(request: Message) -> str | None:
    return next(iter(target_of(request)), None)


def made_by(response: Any) -> tuple[str, ...]:
    """The run that a response tells of, which the server may have named; () when it tells of none."""
    return _parts(response.run.action.id)[:3] if _has(response, "run") else ()


def sources_of(request: Any) -> set[str]:
    """Other projects from which the request reads: of the task that it runs, of the run that it goes back to."""
    found = {parts[0] for parts in _named(request)}
    if _has(request, "run_spec") and request.run_spec.HasField("relation"):
        found.add(request.run_spec.relation.related_to.project)
    return found - {project_of(request), ""}


def _named(request: Any) -> Iterator[tuple[str, ...]]:
    for name in FIELDS:
        if _has(request, name) and (parts := _parts(getattr(request, name))):
            yield parts


def _has(message: Any, name: str) -> bool:
    field = message.DESCRIPTOR.fields_by_name.get(name)
    if field is None:
        return False
    return message.HasField(name) if field.message_type else bool(getattr(message, name))


def _parts(value: Any) -> tuple[str, ...]:
    """The names in an identifier, the project first; () when it has none."""
    if isinstance(value, str):
        return (value,)
    known = value.DESCRIPTOR.fields_by_name
    for inner in ("action_id", "run"):
        if inner in known:
            below = _parts(getattr(value, inner))
            return (*below, value.name) if "name" in known and value.name else below
    if "project" in known:
        return _up_to_gap(value.project, value.domain, value.name)
    # A project itself, whose key is `id`, or its identifier.
    return _up_to_gap(getattr(value, "id", "") or value.name, getattr(value, "domain", ""))


def _up_to_gap(*names: str) -> tuple[str, ...]:
    """What comes before the first name that is missing: a domain must not be taken for a project."""
    return tuple(takewhile(bool, names))
