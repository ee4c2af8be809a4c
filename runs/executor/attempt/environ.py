"""What user code finds in its process: environment variables of its own action, and no packages of the executor.

Many actions share a process, so the values of some variables depend on the action in whose context they are read.
Subprocesses of user code get the environment of the process, without those variables.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import types
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import cast

from runs.executor import ROOT
from runs.executor.attempt.attempt import CURRENT, Attempt

OWN_PACKAGES = ("runs", "flyteui")
CREDENTIAL = "FLYTEUI_RUN_CREDENTIAL"  # the variable; with it code may call our API by other clients, too
ACTION_VARIABLES: dict[str, Callable[[Attempt], str]] = {
    "FLYTE_ATTEMPT_NUMBER": lambda attempt: str(attempt.lease.attempt - 1),
    "ACTION_NAME": lambda attempt: attempt.key.name,
    "RUN_NAME": lambda attempt: attempt.run.name,
    "FLYTE_INTERNAL_EXECUTION_PROJECT": lambda attempt: attempt.run.project,
    "FLYTE_INTERNAL_EXECUTION_DOMAIN": lambda attempt: attempt.run.domain,
    "_U_ORG_NAME": lambda attempt: attempt.run.org,
    "_U_RUN_BASE": lambda attempt: attempt.run.base_uri,
    CREDENTIAL: lambda attempt: attempt.run.credential,
}
NAMES_WITHOUT_CREDENTIAL = tuple(name for name in ACTION_VARIABLES if name != CREDENTIAL)
_hidden: dict[str, types.ModuleType] = {}


class _ActionEnviron(os._Environ):  # type: ignore[type-arg]
    """os.environ, overlaid with the variables of the current action."""

    def __getitem__(self, name: str) -> str:
        if (attempt := CURRENT.get()) is not None:
            if name in (secrets := secrets_for(attempt)):
                return secrets[name]
            if name in names_for(attempt):
                return ACTION_VARIABLES[name](attempt)
        return cast("str", super().__getitem__(name))

    def __setitem__(self, name: str, value: str) -> None:
        """A secret's variable is the action's to change, and no other action's."""
        if (attempt := CURRENT.get()) is not None and name in (secrets := secrets_for(attempt)):
            secrets[name] = value
        else:
            super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        if (attempt := CURRENT.get()) is not None and name in (secrets := secrets_for(attempt)):
            del secrets[name]
        else:
            super().__delitem__(name)

    def __contains__(self, name: object) -> bool:
        attempt = CURRENT.get()
        is_own = attempt is not None and (name in names_for(attempt) or name in secrets_for(attempt))
        return is_own or super().__contains__(name)

    def __iter__(self) -> Iterator[str]:
        names = list(super().__iter__())
        if (attempt := CURRENT.get()) is not None:
            names += [name for name in variables_of(attempt) if name not in names]
        return iter(names)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def overlay_environ() -> None:
    """Overlay the one os.environ by changing its class, so that modules that imported it by name see the variables, too."""
    os.environ.__class__ = _ActionEnviron


def names_for(attempt: Attempt) -> Collection[str]:
    """The variables of an action; no credential where nobody has to show one."""
    return ACTION_VARIABLES if attempt.run.credential else NAMES_WITHOUT_CREDENTIAL


def secrets_for(attempt: Attempt) -> dict[str, str]:
    """The variables of an action that hold its secrets, and the one that names the folder of its files."""
    return attempt.secrets.variables if attempt.secrets is not None else {}


def variables_of(attempt: Attempt) -> dict[str, str]:
    return {name: ACTION_VARIABLES[name](attempt) for name in names_for(attempt)} | secrets_for(attempt)


def variables_of_server(endpoint: str) -> dict[str, str]:
    """The variables by which the SDK in a child process reaches the server."""
    return {"_U_EP_OVERRIDE": endpoint, "_U_INSECURE": "true" if endpoint.startswith("http://") else "false"}


def hide_own_packages() -> None:
    """Let user code import packages named like ours. Modules that are imported stay alive, but cannot be found.

    Once is enough: what is called like them later is the user's.
    """
    if _hidden:
        return
    _hidden.update(sys.modules)
    for name in list(sys.modules):
        if name.partition(".")[0] in OWN_PACKAGES:
            del sys.modules[name]
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.path[:] = without_own(sys.path, ROOT)


def without_own(entries: list[str], root: Path) -> list[str]:
    """sys.path without the current folder and that of our packages; where these are installed, everybody's packages are there, too."""
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    own = {"", "."} | ({str(root)} - installed)
    return [entry for entry in entries if entry not in own]
