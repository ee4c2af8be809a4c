"""Names of Flyte's things: how they are written, and what refers to a run or an action. Pure.

Limits: PROTOCOL.md §2.1 (flyteidl2/common/identifier.proto).
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass

from runs.domain.errors import Invalid

BUILDER_POOL = "builder"  # the key of the pool that builds images; those of other pools are digests
BUILD_PROJECT = "system"  # of the task that builds images, and of the builds that the server starts itself
ROOT = "a0"
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")
_ACTION = re.compile(r"[A-Za-z0-9]([-_.A-Za-z0-9]*)\Z")
_ALPHABET = string.ascii_lowercase + string.digits
MAX_NAME = 30
MAX_SCOPE = 63


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run, by its names."""

    project: str
    domain: str
    name: str

    def __str__(self) -> str:
        return f"{self.project}/{self.domain}/{self.name}"


@dataclass(frozen=True, slots=True)
class ActionRef:
    """An action of a run, by its names. The name alone is never a key: a0 is in every run."""

    run: RunRef
    name: str = ROOT

    def __str__(self) -> str:
        return f"{self.run}/{self.name}"


def label_of(short_name: str, task_name: str, name: str) -> str:
    """What people read of an action: what its task is called for short, its function, or at last the action's own name."""
    return short_name or task_name.rpartition(".")[2] or name


def generate_run_name() -> str:
    """A name for a run that the client did not name: r and 19 of [a-z0-9]."""
    return "r" + "".join(secrets.choice(_ALPHABET) for _ in range(19))


def check_scope(kind: str, value: str) -> str:
    """Return the project or domain name, or raise Invalid that names what is wrong with it."""
    if not 1 <= len(value) <= MAX_SCOPE:
        raise Invalid(
            f"{kind} name {value[:80]!r} must have 1 to {MAX_SCOPE} characters, it has {len(value)}"
        )
    if not _DNS_1035.match(value):
        raise Invalid(
            f"{kind} name {value!r} must be lower-case letters, digits and '-', starting with a letter"
        )
    return value


def check_run_name(value: str) -> str:
    """Return the run's name, or raise Invalid: DNS-1035, at most 30 characters."""
    if not 1 <= len(value) <= MAX_NAME:
        raise Invalid(f"run name {value[:80]!r} must have 1 to {MAX_NAME} characters, it has {len(value)}")
    if not _DNS_1035.match(value):
        raise Invalid(
            f"run name {value!r} must be lower-case letters, digits and '-', starting with a letter"
        )
    return value


def check_action_name(value: str) -> str:
    """Return the action's name, or raise Invalid. It becomes a folder, so no slash and no leading dot."""
    if not 1 <= len(value) <= MAX_NAME:
        raise Invalid(f"action name {value[:80]!r} must have 1 to {MAX_NAME} characters, it has {len(value)}")
    if not _ACTION.match(value):
        raise Invalid(f"action name {value!r} must be letters, digits, '-', '_' and '.'")
    return value


def check_variables(env: Mapping[str, str]) -> None:
    """Raise Invalid when no process can have these environment variables."""
    for name, value in env.items():
        if not name or "=" in name or "\0" in name:
            raise Invalid(f"an environment variable cannot be named {name!r}")
        if "\0" in value:
            raise Invalid(f"environment variable {name!r} has a NUL in its value")
