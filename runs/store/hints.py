"""Hints: "this run has changed", never what has changed. The only sender to the channel layer.

A hint may be lost; whoever listens also polls. Groups: `run.<id>`, `runs` (some root action changed),
`waiting` (a condition asks or was answered), `pool.<id>` (an action waits in the pool), `executor.<id>` (it is to leave), `workers` (an executor is needed),
`log.<action id>` (it has printed), `log-of-run.<id>` (an action of it has), `deletions` (a run was deleted, whose rows and files are left), `limits` (something is
due by the clock before the next poll).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from runs.store import watch
from runs.store.clock import wall_time

RUNS = "runs"
WAITING = "waiting"
WORKERS = "workers"
DELETIONS = "deletions"
LIMITS = "limits"


def run_group(run_id: int) -> str:
    return f"run.{run_id}"


def pool_group(pool_id: int) -> str:
    return f"pool.{pool_id}"


def executor_group(executor_id: UUID) -> str:
    return f"executor.{executor_id.hex}"


def log_group(action_id: int) -> str:
    return f"log.{action_id}"


def run_log_group(run_id: int) -> str:
    return f"log-of-run.{run_id}"


@dataclass(frozen=True, slots=True)
class Hint:
    """A message of type `hint` to a group. seq: the run's, or 0."""

    group: str
    seq: int = 0


_local = threading.local()


def publish(group: str, seq: int = 0) -> None:
    """Send a hint once the current transaction has committed (at once outside of one)."""
    hint = Hint(group, seq)
    transaction.on_commit(lambda: _emit(hint), robust=True)


def publish_work(pool_id: int | None) -> None:
    """An action waits in this pool: for its executors, and for the worker that may have to start one."""
    if pool_id is not None:
        publish(pool_group(pool_id))
        publish(WORKERS)


def publish_due(*instants: datetime | None) -> None:
    """Something is due at these instants: hint at it if nobody would look before."""
    if any(at and (at - wall_time()).total_seconds() < watch.POLL_SECONDS for at in instants):
        publish(LIMITS)


def _emit(hint: Hint) -> None:
    collected_here: list[Hint] | None = getattr(_local, "hints", None)
    if collected_here is None:
        async_to_sync(send)([hint])
    else:
        collected_here.append(hint)


@contextmanager
def collected() -> Iterator[list[Hint]]:
    """Keep the hints of this thread in a list; database.write sends them from the event loop."""
    hints: list[Hint] = []
    _local.hints = hints
    try:
        yield hints
    finally:
        _local.hints = None


async def send(hints: list[Hint]) -> None:
    """Send hints, the newest of each group only."""
    layer = get_channel_layer()
    assert layer is not None, "settings.CHANNEL_LAYERS has no default layer"
    newest = {hint.group: hint for hint in hints}
    for hint in newest.values():
        await layer.group_send(hint.group, {"type": "hint", "group": hint.group, "seq": hint.seq})
