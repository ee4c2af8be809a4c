"""An executor that its worker cannot start, because its Python environment is gone or broken: what waits for it is tried again a
few times, and then fails with what the worker says. Trying for ever would help nobody. Its image counts as not built from then on,
so that whoever submits again has it built.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from runs.domain.phases import Phase
from runs.domain.retries import Ending, How
from runs.engine.book.book import open_run
from runs.engine.endings import end_attempt
from runs.engine.executors import places
from runs.engine.images.table import forget_environments
from runs.engine.leases import end_executor
from runs.models import Executor
from runs.store.clock import wall_time


def end_unusable(executor_id: UUID, reason: str) -> None:
    """Its worker could not start it. For each action that waited for it, that is a system failure like the loss of an executor.

    Idempotent: once it is gone, nothing is counted again.
    """
    with transaction.atomic():
        executor = Executor.objects.select_for_update().filter(pk=executor_id).first()
        if executor is None or executor.state == Executor.State.GONE:
            return
        end_executor(executor_id, reason)
        now = wall_time()
        waiting: dict[int, list[int]] = {}
        for run_id, action_id in places.waiting_for(executor, now).values_list("run_id", "pk"):
            waiting.setdefault(run_id, []).append(action_id)
        is_given_up = False
        for run_id, action_ids in sorted(waiting.items()):
            with open_run(run_id) as book:
                rows = [row for row in book.by_id(action_ids) if row.phase is Phase.QUEUED]
                for row in rows:
                    end_attempt(book, row, Ending(How.UNSTARTED, reason=reason), at=now)
                is_given_up = is_given_up or any(row.phase is Phase.FAILED for row in rows)
        image = executor.pool.built_image
        if is_given_up and image is not None and image.environment:
            forget_environments({image.environment})
