"""The order in which things are deleted, a step at a time, for whoever drives it: the housekeeper of a server, or a command.

A step is a read, a write (one short transaction) or work on files. What it returns is sent back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from threading import Event
from typing import Any

from django.conf import settings

from runs.engine.retention import deletions, files, packing, unused
from runs.engine.retention.periods import Retention


class Kind(Enum):
    """Where a step belongs: FILES may take long, and touches no database."""

    READ = "read"
    WRITE = "write"
    FILES = "files"


@dataclass(frozen=True, slots=True)
class Step:
    kind: Kind
    call: Callable[[], Any]


Steps = Generator[Step, Any, None]


@dataclass(frozen=True, slots=True)
class Policy:
    """How long runs, logs, cache entries, unused files and the audit are kept; by default as the settings say."""

    runs: Retention = field(default_factory=lambda: settings.KEEP_RUNS)
    logs: Retention = field(default_factory=lambda: settings.KEEP_LOGS)
    cache: Retention = field(default_factory=lambda: settings.KEEP_CACHE)
    unused: Retention = field(default_factory=lambda: settings.KEEP_UNUSED)
    audit: Retention = field(default_factory=lambda: settings.KEEP_AUDIT)


@dataclass(slots=True)
class Deleted:
    """What a sweep has deleted. size: bytes of files; entries: of the cache; audited: entries of the audit; packed: runs whose small values are in
    one file now.
    """

    runs: int = 0
    logs: int = 0
    entries: int = 0
    audited: int = 0
    rows: int = 0
    files: int = 0
    size: int = 0
    packed: int = 0


def _read(call: Callable[..., Any], *arguments: Any) -> Step:
    return Step(Kind.READ, partial(call, *arguments))


def _write(call: Callable[..., Any], *arguments: Any) -> Step:
    return Step(Kind.WRITE, partial(call, *arguments))


def _work(call: Callable[..., Any], *arguments: Any) -> Step:
    return Step(Kind.FILES, partial(call, *arguments))


def expire(policy: Policy, deleted: Deleted) -> Steps:
    """Delete runs, logs, and entries of cache and audit whose time is over. Of runs only their names go: `delete_left` does the rest."""
    while due := (yield _read(deletions.find_due, policy.runs)):
        before = deleted.runs
        for ref in due:
            deleted.runs += yield _write(deletions.delete_due, ref)
        if deleted.runs == before:
            break
    while runs := (yield _read(unused.find_old_logs, policy.logs)):
        for run_id in runs:
            while chunks := (yield _read(unused.find_log_chunks, run_id)):
                yield _write(unused.delete_logs, run_id, chunks)
            yield _write(unused.delete_logs, run_id, [])
            deleted.logs += 1
    while entries := (yield _read(unused.find_old_entries, policy.cache)):
        yield _write(unused.delete_entries, entries)
        deleted.entries += len(entries)
    while entries := (yield _read(unused.find_old_audit, policy.audit)):
        yield _write(unused.delete_audit, entries)
        deleted.audited += len(entries)
    yield _write(deletions.forget_old)


def delete_left(deleted: Deleted) -> Steps:
    """Delete the rows of all runs that were deleted."""
    while rows := (yield _read(deletions.find_rows)):
        for batch in rows.batches():
            yield _write(deletions.delete_rows, batch)
            deleted.rows += len(batch)
        if len(rows.actions) < deletions.READ_AT_ONCE:
            yield _write(deletions.delete_rest, rows)


def clear_deleted(deleted: Deleted, stop: Event) -> Steps:
    """Remove the files of all runs that were deleted."""
    if not (left := (yield _read(files.find_uncleared))):
        return
    uses = yield _work(files.read_uses, (yield _read(files.read_marks)))
    for deletion_id, ref in left:
        freed = yield _work(files.clear_files, ref, uses, stop)
        yield _write(files.note_cleared, deletion_id, freed)
        deleted.files, deleted.size = deleted.files + freed.files, deleted.size + freed.bytes


def pack_ended(deleted: Deleted, stop: Event) -> Steps:
    """Put the small values of runs that have ended into one file each."""
    while runs := (yield _read(packing.find_unpacked)):
        uses = yield _work(files.read_uses, (yield _read(files.read_marks)))
        before = deleted.packed
        for run_id, ref in runs:
            if (yield _work(packing.pack_run, ref, uses, stop)):
                yield _write(packing.note_packed, run_id)
                deleted.packed += 1
        if deleted.packed == before:
            return


def clear_unused(policy: Policy, deleted: Deleted, stop: Event) -> Steps:
    """Delete rows and files that nothing uses any more."""
    yield _write(unused.mark_unused)
    yield _write(unused.delete_unused)
    while (yield _write(unused.delete_images)):
        pass
    if (yield _read(files.is_backed_up)):
        return
    marks = yield _read(files.read_marks)
    uses = yield _work(files.read_uses, marks)
    freed = yield _work(files.clear_unused, marks, uses, policy.unused, stop)
    deleted.files, deleted.size = deleted.files + freed.files, deleted.size + freed.bytes


def run_here(steps: Steps) -> None:
    """Do all steps in this thread."""
    result = None
    while True:
        try:
            step = steps.send(result)
        except StopIteration:
            return
        result = step.call()
