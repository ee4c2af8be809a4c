"""Secrets by name: where one is kept, which of several a task gets, and what a task asks for. Knows no values. Pure.

As in Flyte, a secret is of a project and domain, of a domain, or of the organisation, and the narrowest one wins. The group
that a task may name does not choose among them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from flyteidl2.core import security_pb2

from runs.domain.errors import Invalid
from runs.domain.names import check_scope

MAX_NAME = 253
MAX_VALUE_BYTES = 64 * 1024  # an environment variable can hold twice as much
ORGANISATION = "the organisation"
_NAME = re.compile(r"[-A-Za-z0-9_]+\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Kind(IntEnum):
    """Flyte's numbers (flyteidl2.secret.SecretType)."""

    REGULAR = 0
    IMAGE_PULL = 1

    @property
    def words(self) -> str:
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret, by its name and its scope: "" for all projects, "" for all domains."""

    name: str
    project: str = ""
    domain: str = ""

    @property
    def scope(self) -> str:
        """As people read it."""
        if self.project:
            return f"{self.project}/{self.domain}"
        return f"domain {self.domain}" if self.domain else ORGANISATION

    def __str__(self) -> str:
        return f"{self.name} of {self.scope}"


@dataclass(frozen=True, slots=True)
class SecretRequest:
    """What a task asks for. variable: the environment variable that is to hold it; "" for a file."""

    key: str
    group: str = ""
    variable: str = ""

    def __str__(self) -> str:
        return repr(self.key) + (f" (group {self.group!r})" if self.group else "")


def check_ref(ref: SecretRef, domains: Collection[str]) -> SecretRef:
    """Return it, or raise Invalid that names what is wrong with its name or its scope."""
    if not is_name(ref.name):
        raise Invalid(
            f"secret name {ref.name[:80]!r} must be 1 to {MAX_NAME} letters, digits, '-' and '_'; nothing else"
        )
    check_secret_scope(ref.project, ref.domain, domains)
    return ref


def check_secret_scope(project: str, domain: str, domains: Collection[str]) -> None:
    """Raise Invalid for a project without a domain, and for a domain that there is not."""
    if project:
        check_scope("project", project)
        if not domain:
            raise Invalid(f"a secret of project {project!r} is of one of its domains, too: name the domain")
    if domain and domain not in domains:
        raise Invalid(f"there is no domain {domain[:80]!r}, only {', '.join(domains)}")


def check_value(ref: SecretRef, value: bytes) -> bytes:
    """Return it, or raise Invalid that tells its length and nothing else of it."""
    if not value:
        raise Invalid(f"the value of secret {ref.name!r} is empty")
    if len(value) > MAX_VALUE_BYTES:
        raise Invalid(
            f"the value of secret {ref.name!r} has {len(value):,} bytes; at most {MAX_VALUE_BYTES:,} are allowed"
        )
    return value


def is_name(name: str) -> bool:
    return len(name) <= MAX_NAME and _NAME.match(name) is not None


def candidates(key: str, project: str, domain: str) -> tuple[SecretRef, ...]:
    """The secrets that a task of this project and domain can mean by the key; the first that is there is its."""
    return SecretRef(key, project, domain), SecretRef(key, domain=domain), SecretRef(key)


def server_variable(prefix: str, key: str) -> str:
    """The variable of the server's environment that stands for a secret of this name."""
    return prefix + key.replace("-", "_").upper()


def creating(ref: SecretRef) -> str:
    """The command that creates it."""
    options = [
        f"--{name} {shlex.quote(value)}"
        for name, value in (("project", ref.project), ("domain", ref.domain))
        if value
    ]
    return " ".join(["flyte create secret", shlex.quote(ref.name), *options])


def read_requests(task: str, context: Any) -> tuple[SecretRequest, ...]:
    """What a SecurityContext asks for, or Invalid."""
    return tuple(_read_request(task, message) for message in context.secrets)


def _read_request(task: str, message: security_pb2.Secret) -> SecretRequest:
    if not message.key:
        raise Invalid(f"task {task!r} asks for a secret without a key")
    if message.mount_requirement == security_pb2.Secret.FILE:
        return SecretRequest(message.key, message.group)
    variable = (
        message.env_var or "_".join(filter(None, (message.group, message.key))).replace("-", "_").upper()
    )
    if not _VARIABLE.match(variable):
        raise Invalid(
            f"task {task!r} wants its secret {message.key!r} in the environment variable {variable[:80]!r}, which is "
            "no name of one: give it another with as_env_var"
        )
    return SecretRequest(message.key, message.group, variable)
