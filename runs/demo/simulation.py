"""Makes a whole demonstration run at once, on a simulated clock: through the engine, without a server."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice

from asgiref.sync import async_to_sync
from django.db import transaction

from runs.demo import files
from runs.demo.scripts import REASON, Script
from runs.demo.setup import DemoRun, create_demo_run
from runs.domain import errors
from runs.domain.names import ActionRef, RunRef
from runs.engine import aborts, batches, cache, leases, news
from runs.engine.conditions import signal_condition
from runs.engine.executors import heartbeats
from runs.protocol import frames
from runs.protocol.constants import EXECUTOR_HEARTBEAT_SECONDS
from runs.store import hints

# The events of one tick are one transaction. A long run has more events at a time, so its ticks may be longer.
TICK_US = 250_000
TICK_US_PER_ACTION = 100
LONGEST_TICK_US = 1_000_000
BATCH = 2000  # events
PEOPLE = ("ann", "bo", "chris")

Progress = Callable[[int], None]


def make_finished_run(
    scripts: Mapping[str, Script],
    *,
    actor: str,
    ends_at: datetime,
    progress: Progress,
    recovers: RunRef | None = None,
) -> RunRef:
    """Make a finished run. `progress` is called with the number of events so far. recovers: as in create_demo_run."""
    demo_run = create_demo_run(
        scripts, actor=actor, ends_at=ends_at, details=len(scripts) <= BATCH, recovers=recovers
    )
    Simulation(demo_run, progress, actions=len(scripts)).run()
    leases.end_executor(demo_run.executor_id, "the demonstration is over")
    return demo_run.ref


class Simulation:
    """Runs until nothing more happens by itself. actions: about how many; seq: the number of the last batch.

    answers: whether conditions are answered; if not, the run waits for that and keeps its executor.
    """

    def __init__(self, demo_run: DemoRun, progress: Progress, *, actions: int, answers: bool = True) -> None:
        self._demo_run = demo_run
        self._progress = progress
        self._answers = answers
        self._tick = min(max(TICK_US, TICK_US_PER_ACTION * actions), LONGEST_TICK_US)
        self._now = int(demo_run.begins_at.timestamp() * 1e6)
        self.seq = self._events = 0
        self._seen = {demo_run.run_id: 0}
        self._asked = 0
        hello = frames.Hello(
            str(demo_run.executor_id),
            demo_run.pool,
            0,
            socket.gethostname(),
            os.getpid(),
            demo_run.capacity,
        )
        self._epoch = leases.connect_executor(hello).epoch
        self._heartbeat_at = time.monotonic()

    def _clock(self) -> datetime:
        return datetime.fromtimestamp(self._now / 1e6, UTC)

    def run(self) -> None:
        while True:
            with hints.collected() as published:  # sending each one alone takes as long as storing its change
                moved = self._send_due()
                moved |= self._pass_news()
            async_to_sync(hints.send)(published)
            next_at = self._demo_run.executor.next_at
            if next_at is None and not moved:
                break
            if next_at is not None and next_at > self._now:
                self._now = max(self._now + self._tick, next_at)

    def _send_heartbeat(self) -> None:
        """Send heartbeats: else a server on the same database would take the executor for lost and start another one."""
        if time.monotonic() > self._heartbeat_at + EXECUTOR_HEARTBEAT_SECONDS:
            self._heartbeat_at = time.monotonic()
            heartbeats.record(self._demo_run.executor_id, self._epoch)

    def _send_due(self) -> bool:
        """Apply the events that are due. Return whether there were any."""
        executor = self._demo_run.executor
        events = iter(executor.advance(self._now))
        moved = False
        files.write(executor.take_files())
        self._send_heartbeat()
        while batch := list(islice(events, BATCH)):
            self._send_heartbeat()
            self.seq += 1
            applied = self._apply(batch)
            executor.take_leases((one.lease for one in applied.results if one.lease), self._now)
            self._events += len(batch)
            self._progress(self._events)
            moved = True
        for name in executor.take_aborts():
            person = PEOPLE[self._asked % len(PEOPLE)]
            self._asked += 1
            aborts.request_abort(
                ActionRef(self._demo_run.ref, name), reason=REASON, actor=person, clock=self._clock
            )
            moved = True
        for name in executor.take_answers():
            moved |= self._answers and self._answer(name)
        return moved

    def _apply(self, batch: list[frames.Event]) -> batches.Applied:
        """Apply a batch, and settle the cache at once: a server on the same database would do it later, on its own clock."""
        with transaction.atomic():
            applied = batches.apply_batch(
                self._demo_run.executor_id, self._epoch, frames.Batch(self.seq, batch), clock=self._clock
            )
            if self._demo_run.uses_cache and (work := cache.find_work(run_id=self._demo_run.run_id)):
                cache.settle(cache.check_files(work), clock=self._clock)
        return applied

    def _answer(self, name: str) -> bool:
        ref = ActionRef(self._demo_run.ref, name)
        try:
            signal_condition(ref, given=True, actor=PEOPLE[1], clock=self._clock)
        except errors.Conflict:
            return False  # the condition was aborted before
        return True

    def _pass_news(self) -> bool:
        """Pass news of the server to the executor. Return whether there was any."""
        executor = self._demo_run.executor
        changes, offer = news.get_news(self._demo_run.executor_id, self._seen)
        self._seen.update(changes.seqs)
        executor.take_cancels(changes.cancels, self._now)
        executor.take_children(changes.children, self._now)
        if not offer.count:
            return bool(changes.cancels or changes.children)
        executor.take_leases(
            leases.lease_queued(self._demo_run.executor_id, self._epoch, offer.count, clock=self._clock),
            self._now,
        )
        return True
