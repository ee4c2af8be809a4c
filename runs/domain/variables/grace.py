"""How long an aborted action may clean up: a setting of the server, which a run or a task may overrule for its pool."""

from __future__ import annotations

import math
from collections.abc import Mapping

from runs.domain.errors import Invalid

VARIABLE = "FLYTEUI_ABORT_GRACE_SECONDS"
LONGEST_SECONDS = 86_400.0


def check_grace(env: Mapping[str, str]) -> None:
    """Raise Invalid when the variables overrule the grace period with something that is none."""
    grace_seconds(env, 0)


def grace_seconds(env: Mapping[str, str], default: float) -> float:
    """The grace period of a pool with these environment variables. Raises Invalid when its own is none."""
    text = env.get(VARIABLE)
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise Invalid(f"{VARIABLE} is {text!r}; it must be a number of seconds, 0 to {LONGEST_SECONDS:.0f}")
    return seconds
