"""Where the outputs of an action come from that did not run itself."""

from __future__ import annotations

from dataclasses import dataclass

from runs.names import RunRef
from runs.queries.pages import run_path


@dataclass(frozen=True, slots=True)
class Source:
    """The action that made them: one of which the cache has kept them, or the one that was recovered."""

    run: str
    action: str
    path: str


def read_source(text: str) -> Source | None:
    """Read project/domain/run/action/attempt, or nothing."""
    if not text:
        return None
    project, domain, run, action, _ = text.split("/")
    return Source(run, action, f"{run_path(RunRef(project, domain, run))}?action={action}")
