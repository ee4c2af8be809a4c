"""What a task runs in: resources, environment variables, secrets, code. Names of secrets only; what looks like one is masked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flyteidl2.task import task_definition_pb2

from runs.domain.declared.containers import Container, container_of
from runs.domain.specs import TaskFacts, read_task_message
from runs.domain.tasks.bundles import OF_DEMONSTRATIONS

MASKED = "••••"
MAX_VALUE = 300  # characters
INTERNAL = "_F_"  # the SDK's own variables
_SECRET = re.compile(r"SECRET|TOKEN|PASSW|KEY|CREDENTIAL|AUTH|DSN", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable. of: "run" or "task", which said it last; the run's comes over the task's."""

    name: str
    value: str
    of: str

    @property
    def is_masked(self) -> bool:
        return self.value == MASKED


@dataclass(frozen=True, slots=True)
class Resource:
    """What was asked of one kind: at least, and at most; "" for what was not said."""

    name: str
    request: str
    limit: str

    @property
    def text(self) -> str:
        if not self.request:
            return f"up to {self.limit}"
        is_range = self.limit not in {"", self.request}
        return f"{self.request} to {self.limit}" if is_range else self.request


@dataclass(frozen=True, slots=True)
class TaskDetails:
    """secrets: keys, each with the variable that holds it, or "" for a file. bundle: the name of the code's file."""

    version: str
    type: str
    image: str
    bundle: str
    is_pickled: bool
    cache_version: str
    is_cached: bool
    variables: tuple[Variable, ...]
    resources: tuple[Resource, ...]
    secrets: tuple[tuple[str, str], ...]


def read_details(spec: bytes, run_envs: Mapping[str, str]) -> TaskDetails:
    """Of a serialised TaskSpec that is valid, in a run with these environment variables."""
    message = task_definition_pb2.TaskSpec.FromString(spec)
    facts, container = read_task_message(message), container_of(message.task_template)
    return TaskDetails(
        version=facts.version,
        type=facts.task_type,
        image=facts.image,
        bundle="" if facts.bundle_uri == OF_DEMONSTRATIONS else facts.bundle_uri.rpartition("/")[2],
        is_pickled=facts.is_pickled,
        cache_version=facts.discovery_version,
        is_cached=facts.discoverable,
        variables=_variables(facts, run_envs),
        resources=_resources(container),
        secrets=tuple((one.key, one.variable) for one in facts.secrets),
    )


def _variables(facts: TaskFacts, run_envs: Mapping[str, str]) -> tuple[Variable, ...]:
    """By name, without the SDK's own and without those that hold secrets."""
    of_secrets = {one.variable for one in facts.secrets}
    both = {name: (value, "task") for name, value in facts.env.items()}
    both |= {name: (value, "run") for name, value in run_envs.items()}
    return tuple(
        Variable(name, shown_value(name, value), of)
        for name, (value, of) in sorted(both.items())
        if not name.startswith(INTERNAL) and name not in of_secrets
    )


def shown_value(name: str, value: str) -> str:
    """The value of an environment variable as pages show it: masked where the name is that of a secret."""
    return MASKED if _SECRET.search(name) else value[:MAX_VALUE]


def _resources(container: Container) -> tuple[Resource, ...]:
    requests, limits = container.resources.get("requests", {}), container.resources.get("limits", {})
    names = dict.fromkeys([*requests, *limits])
    return tuple(
        Resource(name.replace("_", " "), requests.get(name, ""), limits.get(name, "")) for name in names
    )
