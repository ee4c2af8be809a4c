"""Whether an action shares its process: a variable of its task or run says so, else what the task was seen to do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from runs.domain.errors import Invalid

VARIABLE = "FLYTEUI_ISOLATE"


class Isolation(StrEnum):
    """The values of the variable. The value is stored as `Action.isolation`."""

    ALWAYS = "always"  # each action runs alone
    NEVER = "never"  # none does, whatever the task was seen to do; a plain `def` has a process of its own all the same
    AUTO = "auto"  # those of tasks that were seen to disturb others


def isolation_of(env: Mapping[str, str]) -> Isolation:
    """What these environment variables say. Raises Invalid for a value that is none."""
    text = env.get(VARIABLE, Isolation.AUTO)
    try:
        return Isolation(text)
    except ValueError as error:
        raise Invalid(f"{VARIABLE} is {text!r}; it must be always, never or auto") from error
