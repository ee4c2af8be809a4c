"""The links that a task declares (flyte.Link), with the names of its run in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from flyteidl2.core import execution_pb2, tasks_pb2

MAX_LINKS = 20
_TEMPLATE = re.compile(r"\{\{\s*\.?(\w+)\s*\}\}")
_SAFE = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Link:
    """A link of an action. href is "" for an address that a page must not open, such as `javascript:`."""

    name: str
    uri: str
    href: str
    is_for_live: bool  # it is of no use once the action has ended


def links_of(template: tasks_pb2.TaskTemplate, names: Mapping[str, str]) -> tuple[Link, ...]:
    """The links of an action of this task. names: what its templates stand for, such as `actionName`."""
    known = {name.lower(): value for name, value in names.items()}
    return tuple(_link(one, known) for one in template.metadata.log_links[:MAX_LINKS])


def messages_of(
    template: tasks_pb2.TaskTemplate, names: Mapping[str, str], *, is_live: bool
) -> list[execution_pb2.TaskLog]:
    """The same, as the client gets them with an attempt."""
    found = []
    for message, link in zip(template.metadata.log_links, links_of(template, names), strict=False):
        if is_live or not link.is_for_live:
            told = execution_pb2.TaskLog()
            told.CopyFrom(message)
            told.uri = link.uri
            found.append(told)
    return found


def _link(message: execution_pb2.TaskLog, known: Mapping[str, str]) -> Link:
    uri = _TEMPLATE.sub(lambda match: known.get(match[1].lower(), match[0]), message.uri)
    return Link(
        name=message.name or uri,
        uri=uri,
        href=uri if _is_safe(uri) else "",
        is_for_live=message.HideOnceFinished,
    )


def _is_safe(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return parts.scheme in _SAFE and bool(parts.netloc)


def names_of(*, project: str, domain: str, run: str, action: str, attempt: int) -> dict[str, str]:
    """What a link may name. There is no pod, so that of Flyte's own pods stands for the attempt."""
    return {
        "runName": run, "actionName": action, "project": project, "domain": domain, "namespace": f"{project}-{domain}",
        "podName": f"{run}-{action}-{attempt - 1}", "attempt": str(attempt),
    }  # fmt: skip
