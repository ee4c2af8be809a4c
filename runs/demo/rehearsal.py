"""Tells a whole demonstration at once, on a clock of its own: through the operations, without a server."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import islice

from asgiref.sync import async_to_sync
from django.db import transaction

from runs import aborts, batches, cache, errors, events, leases, liveness, operations
from runs.demo import files
from runs.demo.scripts import REASON, Script
from runs.demo.stage import Stage, set_stage
from runs.executor import frames
from runs.names import ActionRef, RunRef
from runs.queries import link

# What happens within one tick is one transaction. In a long run much happens at a time, so its ticks can be longer.
TICK_US = 100_000
TICK_US_PER_ACTION = 50
LONGEST_TICK_US = 1_000_000
BATCH = 2000  # events
PEOPLE = ("ann", "bo", "chris")

Progress = Callable[[int], None]


def tell(
    scripts: Mapping[str, Script],
    *,
    actor: str,
    ends_at: datetime,
    said: Progress,
    recovers: RunRef | None = None,
) -> RunRef:
    """Make a finished run. `said` is called now and then with the number of events so far. recovers: as set_stage has it."""
    stage = set_stage(scripts, actor=actor, ends_at=ends_at, details=len(scripts) <= BATCH, recovers=recovers)
    Rehearsal(stage, said, actions=len(scripts)).run()
    leases.end_executor(stage.executor_id, "the demonstration is over")
    return stage.ref


class Rehearsal:
    """Plays until nothing happens any more by itself. actions: about how many. seq: of the last batch.

    answers: whether somebody answers conditions; where nobody does, the run waits for that, and its executor stays.
    """

    def __init__(self, stage: Stage, said: Progress, *, actions: int, answers: bool = True) -> None:
        self._stage = stage
        self._said = said
        self._answers = answers
        self._tick = min(max(TICK_US, TICK_US_PER_ACTION * actions), LONGEST_TICK_US)
        self._now = int(stage.begins_at.timestamp() * 1e6)
        self.seq = self._events = 0
        self._seen = {stage.run_id: 0}
        self._asked = 0
        hello = frames.Hello(
            "", str(stage.executor_id), stage.pool, 0, socket.gethostname(), os.getpid(), stage.capacity
        )
        self._epoch = leases.connect_executor(hello).epoch
        self._heard_at = time.monotonic()

    def _clock(self) -> datetime:
        return datetime.fromtimestamp(self._now / 1e6, UTC)

    def run(self) -> None:
        while True:
            with (
                events.collected() as hints
            ):  # to send each by itself takes as long as to store what it is about
                moved = self._speak()
                moved |= self._listen()
            async_to_sync(events.send)(hints)
            if moved:
                continue
            if (next_at := self._stage.play.next_at) is None:
                break
            self._now = max(self._now + self._tick, next_at)

    def _stay_connected(self) -> None:
        """A server that runs beside this hears of it, or it would start an executor that takes part."""
        if time.monotonic() > self._heard_at + liveness.HEAR_SECONDS:
            self._heard_at = time.monotonic()
            liveness.hear(self._stage.executor_id, self._epoch)

    def _speak(self) -> bool:
        """Say what is due; whether there was something."""
        play = self._stage.play
        said = iter(play.advance(self._now))
        moved = False
        files.write(play.take_files())
        self._stay_connected()
        while batch := list(islice(said, BATCH)):
            self._stay_connected()
            self.seq += 1
            applied = self._apply(batch)
            play.take_leases((one.lease for one in applied.results if one.lease), self._now)
            self._events += len(batch)
            self._said(self._events)
            moved = True
        for name in play.take_aborts():
            person = PEOPLE[self._asked % len(PEOPLE)]
            self._asked += 1
            aborts.request_abort(
                ActionRef(self._stage.ref, name), reason=REASON, actor=person, clock=self._clock
            )
            moved = True
        for name in play.take_answers():
            moved |= self._answers and self._answer(name)
        return moved

    def _apply(self, batch: list[frames.Event]) -> batches.Applied:
        """With what the cache makes of it: a server that runs beside this would do that at its own time, which is later."""
        with transaction.atomic():
            applied = batches.apply_batch(
                self._stage.executor_id, self._epoch, frames.Batch(self.seq, batch), clock=self._clock
            )
            if self._stage.uses_cache and (work := cache.find_work(run_id=self._stage.run_id)):
                cache.settle(cache.check_files(work), clock=self._clock)
        return applied

    def _answer(self, name: str) -> bool:
        ref = ActionRef(self._stage.ref, name)
        try:
            operations.signal_condition(ref, given=True, actor=PEOPLE[1], clock=self._clock)
        except errors.Conflict:
            return False  # what had asked was aborted before
        return True

    def _listen(self) -> bool:
        """Take in what the server has to tell; whether there was something."""
        play = self._stage.play
        changes, offer = link.get_news(self._stage.executor_id, self._seen)
        self._seen.update(changes.seqs)
        play.take_cancels(changes.cancels, self._now)
        play.take_children(changes.children, self._now)
        if not offer.count:
            return bool(changes.cancels or changes.children)
        play.take_leases(
            leases.lease_queued(self._stage.executor_id, self._epoch, offer.count, clock=self._clock),
            self._now,
        )
        return True
