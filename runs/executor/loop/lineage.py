"""Which processes of the machine are those of an action.

This process adopts orphans, so all that an action starts stays below it. A process is the action's when its code has
started it, or one above it; or when it bears its mark, in its variables or as its name. What has shed both, as a daemon
with an environment of its own does, is only known to be an action's, and ends with the last that has started processes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from runs.executor.attempt.owned import MARK, Owned, marks_of
from runs.executor.loop.starts import CHILDREN
from runs.executor.processes.table import ProcessEntry, ProcessTable, read_environment


def processes_of(owned: Owned, table: ProcessTable) -> list[ProcessEntry]:
    """Those that run."""
    found = {entry.pid: entry for entry in _tops(owned, table)}
    for pid in list(found):
        found.update((entry.pid, entry) for entry in table.descendants(pid))
    return [entry for entry in found.values() if not entry.is_zombie]


def _tops(owned: Owned, table: ProcessTable) -> Iterator[ProcessEntry]:
    for identity in list(owned.processes):
        if (entry := table.find(identity)) is not None:
            yield entry
    owners = list(CHILDREN.owners)
    is_last = owners == [owned]
    for entry in orphans(table):
        if (mark := _mark_of(entry)) == owned.mark or (mark is None and is_last):
            yield entry


def orphans(table: ProcessTable) -> list[ProcessEntry]:
    """Children of this process that it has not started; none while it is starting some, which look the same."""
    if CHILDREN.starting:
        return []
    started = {identity for owned in list(CHILDREN.owners) for identity in list(owned.processes)}
    return [
        entry
        for entry in table.children(os.getpid())
        if entry.pid not in CHILDREN.shared and entry.identity not in started
    ]


def _mark_of(entry: ProcessEntry) -> str | None:
    if entry.name.startswith(marks_of(os.getpid())):
        return entry.name
    return read_environment(entry.pid).get(MARK)
