"""Environment variables: what an executor starts with, and what user code reads there about its own action.

Many actions share a process, so some variables are answered from the action in whose context they are read.
Subprocesses of user code get the process' own environment, without those.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from runs.executor.held import CURRENT, Held

# Read by the SDK when it is imported or when its controller is made.
SDK_VARIABLES = {
    "FSSPEC_FILE_AUTO_MKDIR": "true",  # the SDK does not make folders in local storage
    "_U_USE_ACTIONS": "1",  # the protocol that the server speaks
    "_F_P_CNC": "100000",  # children of one parent at a time; the server is the one to push back
    "_F_MAX_QPS": "1000000",
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
}
# From the environment of the worker; all else of it, above all FLYTEUI_*, stays away from user code.
PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
)
# Storage credentials, as the SDK reads them.
PASSED_ON_PREFIXES = ("PYTHON", "AWS_", "FLYTE_AWS_", "GOOGLE_", "AZURE_")


def clean_environment(own: Mapping[str, str], user: Mapping[str, str]) -> dict[str, str]:
    """The environment of an executor: what a process needs, what the SDK needs, what the user asked for."""
    kept = {
        name: value for name, value in own.items() if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    }
    return {**kept, **SDK_VARIABLES, **user}


ANSWERS: dict[str, Callable[[Held], str]] = {
    "FLYTE_ATTEMPT_NUMBER": lambda held: str(held.lease.attempt - 1),
    "ACTION_NAME": lambda held: held.key.name,
    "RUN_NAME": lambda held: held.run.name,
    "FLYTE_INTERNAL_EXECUTION_PROJECT": lambda held: held.run.project,
    "FLYTE_INTERNAL_EXECUTION_DOMAIN": lambda held: held.run.domain,
    "_U_ORG_NAME": lambda held: held.run.org,
    "_U_RUN_BASE": lambda held: held.run.base_uri,
}


class _ActionEnviron(os._Environ):  # type: ignore[type-arg]
    """os.environ with the answers of the current action laid over it."""

    def __getitem__(self, name: str) -> str:
        if name in ANSWERS and (held := CURRENT.get()) is not None:
            return ANSWERS[name](held)
        return cast("str", super().__getitem__(name))

    def __contains__(self, name: object) -> bool:
        return (name in ANSWERS and CURRENT.get() is not None) or super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        names = list(super().__iter__())
        if CURRENT.get() is not None:
            names += [name for name in ANSWERS if name not in names]
        return iter(names)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def lay_over_environ() -> None:
    """Change the class of the one os.environ, so that modules which imported it by name see the answers too."""
    os.environ.__class__ = _ActionEnviron


def variables_of(held: Held) -> dict[str, str]:
    return {name: answer(held) for name, answer in ANSWERS.items()}


def variables_of_server(endpoint: str) -> dict[str, str]:
    """How the SDK in a child process reaches the server."""
    return {"_U_EP_OVERRIDE": endpoint, "_U_INSECURE": "true" if endpoint.startswith("http://") else "false"}
