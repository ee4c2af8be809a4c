"""What attempts use now, as their executors sample it: the newest sample of each, on its attempt.

It changes no action and raises no number of a run: pages read it beside the last lines of logs, and a run that computes for a
day would else send its rows again every few seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from runs.models import Executor
from runs.protocol.frames import Key
from runs.store.bulk import plain

Sample = tuple[Key, int, int, int]  # as `frames.Using` has it
_MOST_PERCENT = 1_000_000
_MOST_BYTES = 2**60
# Each finds its action in the index action_identity, and its attempt in attempt_lease.
_KEEP = """
    UPDATE runs_attempt SET cpu_percent = %s, memory_bytes = %s WHERE lease_epoch = %s AND ended_at IS NULL
        AND action_id = (SELECT id FROM runs_action WHERE run_id = %s AND name = %s AND executor_id = %s)
"""


def keep(executor: Executor, samples: Iterable[Sample]) -> None:
    """Store them; what this executor does not hold with that epoch is left out. One prepared statement, none without samples."""
    newest = {(key, epoch): (percent, size) for key, epoch, percent, size in samples}
    holder = plain(executor.pk)
    values = [
        (_within(percent, _MOST_PERCENT), _within(size, _MOST_BYTES), epoch, key.run, key.name, holder)
        for (key, epoch), (percent, size) in newest.items()
    ]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(_KEEP, values)


def _within(number: int, most: int) -> int:
    return min(max(number, 0), most)
