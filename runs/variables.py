"""Environment variables that a run or a task sets for its code."""

from __future__ import annotations

from collections.abc import Mapping

from runs.errors import Invalid
from runs.grace import check_grace


def check_variables(env: Mapping[str, str]) -> None:
    """Raise Invalid when no process can have them, or when one that is meant for us means nothing."""
    for name, value in env.items():
        if not name or "=" in name or "\0" in name:
            raise Invalid(f"an environment variable cannot be named {name!r}")
        if "\0" in value:
            raise Invalid(f"environment variable {name!r} has a NUL in its value")
    check_grace(env)
