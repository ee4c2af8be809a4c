"""Use cases of an event loop that user code blocks: who does it, since when, and whom it holds up.

An executor reports it, as its own thread sees it; or its worker, where that thread is kept from running, too. Pages show it in the rows of all that it holds on that loop, so those
change with it.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction

from runs.domain.phases import HELD
from runs.engine import manners
from runs.engine.book.book import open_run
from runs.engine.leases import state_when_here
from runs.models import Action, Executor, Manner
from runs.protocol import frames
from runs.store import hints
from runs.store.clock import wall_time

_HELD = sorted(HELD)
_COLUMNS = ["state", "blocked_since", "blocked_by", "blocked_in", "is_silent"]
_State = Executor.State
_THERE = frozenset({_State.CONNECTED, _State.BLOCKED, _State.DRAINING})


def note(executor: Executor, event: frames.LoopState) -> None:
    """Record that its loop is blocked, or is not any more. Call this inside a transaction.

    A blocked loop starts nothing: it gets no leases, and another executor of its pool does.
    """
    if executor.state in _THERE:
        executor.is_silent = False  # what it reports itself counts more
        _apply(executor, event)


def note_silence(executor_id: UUID, event: frames.LoopState) -> None:
    """Record what its worker reports of an executor that cannot. It may have been found out of reach meanwhile."""
    with transaction.atomic():
        executor = Executor.objects.select_for_update().filter(pk=executor_id).first()
        if executor is None or executor.state not in _THERE | {_State.DISCONNECTED}:
            return
        if event.responsive and not executor.is_silent:
            return  # it has spoken since
        executor.is_silent = not event.responsive
        _apply(executor, event)


def _apply(executor: Executor, event: frames.LoopState) -> None:
    by, since = executor.blocked_by_id, executor.blocked_since
    if event.responsive:
        is_away = executor.disconnected_at is not None
        executor.state = _State.DISCONNECTED if is_away else state_when_here(executor)
        executor.blocked_since, executor.blocked_by, executor.blocked_in = None, None, ""
    else:
        executor.state = _State.BLOCKED
        executor.blocked_since = min(
            datetime.fromtimestamp((event.since or event.at) / 1e6, UTC), wall_time()
        )
        executor.blocked_by = _find_culprit(executor, event)
        executor.blocked_in = event.stack
        by, since = executor.blocked_by_id, executor.blocked_since
    executor.save(update_fields=_COLUMNS)
    hints.publish_work(executor.pool_id)
    _refresh_rows(executor, by, since)


def _find_culprit(executor: Executor, event: frames.LoopState) -> Action | None:
    if event.key is None:
        return None
    held = Action.objects.filter(executor=executor, phase__in=_HELD)
    return held.filter(run_id=event.key.run, name=event.key.name, lease_epoch=event.epoch).first()


def _refresh_rows(executor: Executor, by: int | None, since: datetime | None) -> None:
    """Let the pages read the rows of all that its loop runs again, and remember what the task did. by: the action that did it."""
    by_run: defaultdict[int, list[int]] = defaultdict(list)
    on_loop = Action.objects.filter(executor=executor, phase__in=_HELD, is_isolated=False)
    for run_id, action_id in on_loop.values_list("run_id", "pk"):
        by_run[run_id].append(action_id)
    for run_id, action_ids in sorted(by_run.items()):
        with open_run(run_id) as book:
            for row in book.by_id(action_ids):
                book.touch(row)
                if row.id == by and since is not None:
                    now = wall_time()
                    did = f"blocked its event loop for {(now - since).total_seconds():.1f} s"
                    manners.note(book, row.task_name, Manner.Kind.BLOCKED, did, at=now)
