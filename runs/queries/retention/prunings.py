"""What a pruning would delete: counts and bytes, before anything is deleted."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

from django.db.models import Sum
from django.db.models.functions import Length

from runs.engine.retention import deletions, files, unused
from runs.engine.retention.sweep import Policy
from runs.models import Action, LogChunk
from runs.queries.retention.deletions import FileSizes, measure_files
from runs.store import trees
from runs.store.bulk import chunks

MOST = 1_000_000  # runs, logs or entries that are counted


@dataclass(frozen=True, slots=True)
class Pruning:
    """runs, actions: whose time is over, with their files; logs: runs whose logs go; entries: of the cache; audited: of the
    audit; unused: files, as things are now.
    """

    runs: int
    actions: int
    run_files: FileSizes
    logs: int
    log_bytes: int
    entries: int
    audited: int
    unused: trees.Freed = field(default_factory=trees.Freed)


def preview_pruning(policy: Policy) -> Pruning:
    """Reads the database and the storage, and changes nothing. Its statements grow with the number of runs (one for each 900)."""
    due = deletions.find_due(policy.runs, limit=MOST)
    logs = unused.find_old_logs(policy.logs, limit=MOST)
    log_bytes = 0
    for some in chunks(logs):
        found = LogChunk.objects.filter(action__run__in=some).aggregate(bytes=Sum(Length("lines")))
        log_bytes += found["bytes"] or 0
    marks = files.read_marks()
    uses = files.read_uses(marks)
    return Pruning(
        runs=len(due),
        actions=sum(
            Action.objects.filter(
                run__project__name=ref.project, run__domain=ref.domain, run__name=ref.name
            ).count()
            for ref in due
        ),
        run_files=measure_files(due),
        logs=len(logs),
        log_bytes=log_bytes,
        entries=len(unused.find_old_entries(policy.cache, limit=MOST)),
        audited=len(unused.find_old_audit(policy.audit, limit=MOST)),
        unused=files.clear_unused(marks, uses, policy.unused, Event(), dry_run=True),
    )
