"""Use cases of the cache (PROTOCOL.md §2.10): what an action came to before is not computed again.

An action with a key begins as WAITING_FOR_RESOURCES. `find_work`, `check_files` and `settle`, one after another, make it
SUCCEEDED with the outputs that are kept, or QUEUED, or let it wait for the action that computes them. They stand beside the
transactions of runs, so that none of those reads the storage, and no run waits for another one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from runs.domain.cache_keys import read_config
from runs.domain.errors import Invalid
from runs.domain.phases import LIVE, Cause, Phase
from runs.domain.specs import TaskFacts, read_task_spec
from runs.engine.book.book import Book, open_run
from runs.engine.book.rows import Row
from runs.engine.leases import read_specs
from runs.models import Action, CacheEntry, Run
from runs.store import hints, storage
from runs.store.bulk import chunks
from runs.store.clock import wall_time

ACTOR = "cache"
LIMIT = 2000  # how many actions one round takes; the next one finds the others
_FILE_THREADS = 8
_LOCK = 0x666C797465  # of PostgreSQL, for `settle`: two servers must not give one key to two actions
_OWNING = sorted(LIVE - {Phase.WAITING_FOR_RESOURCES})


class Status(IntEnum):
    """Flyte's CatalogCacheStatus numbers, of those that occur here."""

    DISABLED = 0
    MISS = 1
    HIT = 2
    POPULATED = 3
    SKIPPED = 6


# Of what has succeeded and is not in the cache yet.
_UNKEPT = [Status.MISS, Status.SKIPPED]
# The condition of the indexes, which have no rows for tasks without a cache.
_CACHED = Q(cache_key__gt="")


@dataclass(frozen=True, slots=True)
class Plan:
    """How an action begins. key: with the scope in which it counts; "" when its outputs are not kept."""

    key: str = ""
    phase: Phase = Phase.QUEUED
    status: Status = Status.DISABLED


_NOT_KEPT = Plan()


def plan(run: Run, task: TaskFacts, key: str) -> Plan:
    """How an action of this task begins in this run. Reads of the run only when the task is to be cached."""
    if not key or not task.discoverable:
        return _NOT_KEPT
    config = read_config(bytes(run.spec))
    scope = f"{run.project.name}/{run.domain}" if config.is_scoped else "global"
    if config.overwrites:
        return Plan(f"{scope}:{key}", Phase.QUEUED, Status.SKIPPED)
    hints.publish(hints.WORKERS)
    return Plan(f"{scope}:{key}", Phase.WAITING_FOR_RESOURCES)


@dataclass(frozen=True, slots=True)
class Entry:
    """Outputs that are kept. source: project/domain/run/action/attempt of the action that made them."""

    output_uri: str
    source: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Work:
    """waiting: actions that wait for the cache; ended: actions whose outputs are to be kept; entries: by key."""

    waiting: list[int]
    ended: list[int]
    entries: dict[str, Entry]


def find_work(**of: Any) -> Work | None:
    """What there is to do, if anything; `of` are conditions for the actions. Two statements when there is nothing."""
    waits = Action.objects.filter(_CACHED, phase=Phase.WAITING_FOR_RESOURCES, **of).order_by("pk")
    waiting = dict(waits.values_list("pk", "cache_key")[:LIMIT])
    unkept = Action.objects.filter(_CACHED, phase=Phase.SUCCEEDED, cache_status__in=_UNKEPT, **of)
    ended = list(unkept.order_by("pk").values_list("pk", flat=True)[:LIMIT])
    if not waiting and not ended:
        return None
    return Work(list(waiting), ended, _read_entries(set(waiting.values())))


def _read_entries(keys: Collection[str]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for chunk in chunks(list(keys)):
        for kept in CacheEntry.objects.filter(key__in=chunk):
            found[kept.key] = Entry(kept.output_uri, kept.source, kept.created_at)
    return found


def check_files(work: Work) -> Work:
    """Without the entries whose outputs are gone. Reads the storage and no database."""
    uris = [storage.join(entry.output_uri, "outputs.pb") for entry in work.entries.values()]
    with ThreadPoolExecutor(_FILE_THREADS) as pool:
        there = list(pool.map(_is_there, uris))
    kept = {
        key: entry for (key, entry), is_there in zip(work.entries.items(), there, strict=True) if is_there
    }
    return replace(work, entries=kept)


def _is_there(uri: str) -> bool:
    try:
        return storage.provide(uri, is_shared=True)
    except Invalid:  # kept when the storage was elsewhere
        return False


def settle(work: Work, *, clock: Callable[[], datetime] = wall_time) -> bool:
    """Keep outputs, then let what waits succeed with what is kept, or run. Returns whether anything changed.

    Runs are opened in the order of their ids, as everywhere.
    """
    at = clock()
    with transaction.atomic():
        _take_turns()
        ended = _read(work.ended, Phase.SUCCEEDED, cache_status__in=_UNKEPT)
        fresh = _keep(ended)
        decided = _decide(_read(work.waiting, Phase.WAITING_FOR_RESOURCES), work.entries | fresh, at)
        by_run: dict[int, list[int]] = defaultdict(list)
        for action in ended:
            by_run[action["run_id"]].append(action["pk"])
        for pk, (run_id, _) in decided.items():
            by_run[run_id].append(pk)
        for run_id, ids in sorted(by_run.items()):
            with open_run(run_id) as book:
                for row in book.by_id(ids):
                    if row.id in decided:
                        _apply(book, row, decided[row.id][1], at)
                    else:
                        book.set(row, cache_status=Status.POPULATED)
    return bool(by_run)


def _take_turns() -> None:
    """SQLite has one writer anyway. Whoever holds this lock takes locks of runs after it, and nobody does so before."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


_COLUMNS = [
    "pk", "run_id", "cache_key", "cache_status", "created_at", "ended_at", "spec_id", "output_uri", "attempt", "name",
    "run__name", "run__domain", "run__project__name",
]  # fmt: skip


def _read(ids: list[int], phase: Phase, **conditions: Any) -> list[dict[str, Any]]:
    """Those that are still in this phase, oldest first."""
    found: list[dict[str, Any]] = []
    for chunk in chunks(ids):
        rows = Action.objects.filter(pk__in=chunk, phase=phase, **conditions)
        found += rows.order_by("pk").values(*_COLUMNS)
    return found


def _keep(ended: Iterable[dict[str, Any]]) -> dict[str, Entry]:
    """Keep the outputs of these; returns the entries that are new.

    The first entry of a key is kept, but for an action that overwrites, and for one that began after it was made: that one
    has found it too old, or its files gone.
    """
    ended = sorted(ended, key=lambda action: action["ended_at"])
    known = _read_entries({action["cache_key"] for action in ended})
    fresh: dict[str, Entry] = {}
    for action in ended:
        key = action["cache_key"]
        first = known.get(key)
        if (
            first is None
            or action["cache_status"] == Status.SKIPPED
            or first.created_at <= action["created_at"]
        ):
            where = (action["run__project__name"], action["run__domain"], action["run__name"], action["name"])
            source = "/".join([*where, str(action["attempt"])])
            fresh[key] = known[key] = Entry(action["output_uri"], source, action["ended_at"])
    CacheEntry.objects.bulk_create(
        [CacheEntry(key=key, output_uri=e.output_uri, source=e.source, created_at=e.created_at) for key, e in fresh.items()],
        update_conflicts=True, unique_fields=["key"], update_fields=["output_uri", "source", "created_at"],
    )  # fmt: skip
    return fresh


def _decide(
    waiting: list[dict[str, Any]], entries: dict[str, Entry], at: datetime
) -> dict[int, tuple[int, Entry | None]]:
    """By id of each action that waits no longer: its run, and the entry that it takes (None: it is to run)."""
    owned: set[str] = set()
    for chunk in chunks(list({action["cache_key"] for action in waiting})):
        owners = Action.objects.filter(_CACHED, cache_key__in=chunk, phase__in=_OWNING)
        owned.update(owners.values_list("cache_key", flat=True))
    specs = read_specs(action["spec_id"] for action in waiting)
    decided: dict[int, tuple[int, Entry | None]] = {}
    for action in waiting:
        task, key = read_task_spec(specs[action["spec_id"]]), action["cache_key"]
        entry = entries.get(key)
        if entry and not _is_too_old(entry, task, at):
            decided[action["pk"]] = action["run_id"], entry
        elif not (task.cache_serializable and key in owned):
            decided[action["pk"]] = action["run_id"], None
            owned.add(key)
    return decided


def _is_too_old(entry: Entry, task: TaskFacts, at: datetime) -> bool:
    age = task.cache_max_age_seconds
    return bool(age) and entry.created_at + timedelta(seconds=age) <= at


def _apply(book: Book, row: Row, entry: Entry | None, at: datetime) -> None:
    if row.phase is not Phase.WAITING_FOR_RESOURCES:
        return  # it was aborted meanwhile
    if entry is not None:
        book.move(
            row, Phase.SUCCEEDED, cause=Cause.CACHE_HIT, at=at, actor=ACTOR, output_uri=entry.output_uri,
            cache_status=Status.HIT, source=entry.source,
        )  # fmt: skip
        return
    due_at = row.due_at
    book.move(row, Phase.QUEUED, cause=Cause.ENQUEUED, at=at, actor=ACTOR, cache_status=Status.MISS)
    book.set(row, due_at=due_at)  # the time that it waited here counts as time in the queue
    if row.pool_id is not None:
        hints.publish_work(row.pool_id)
