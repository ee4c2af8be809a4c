"""Random histories: whatever runs, executors, links and people do, in any order, the laws of DESIGN.md §5 hold.

After every step the doctor finds nothing, and what a plain reading of the laws says of the step is true. At the end the
executors finish what they hold, and then nothing may be left alive.
`FLYTEUI_TEST_HISTORIES=1000` runs that many, each of 80 steps.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Part
from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
    run_state_machine_as_test,
)

from runs.domain.failures import Failure
from runs.domain.names import ROOT
from runs.domain.phases import LIVE, TERMINAL, Escalation
from runs.engine import cache, leases
from runs.engine.executors import scheduling
from runs.models import Executor
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.support.fake_executor import FakeExecutor, Fate, Stage
from tests.support.history import endings, fates, kinds, some
from tests.support.history_of_people import People
from tests.support.law_checks import look
from tests.support.long import long_or_short

EXAMPLES = int(os.environ.get("FLYTEUI_TEST_HISTORIES", long_or_short(100, 0)))
PROFILE = settings(
    max_examples=EXAMPLES or 8,
    stateful_step_count=80 if EXAMPLES else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Not `explain`: it traces each line, and the ORM has many.
    phases=[Part.reuse, Part.generate, Part.shrink],
)
# A net: a machine may be busy, and a history that hangs is ended by PATIENCE.
pytestmark = pytest.mark.timeout(300 + 20 * EXAMPLES)
PATIENCE = 60  # rounds in which everything must have come to its end


class Histories(People):
    """What executors and their links do, beside people."""

    # --- executors and their links ------------------------------------------------------------------------------

    @rule()
    def start_executors(self) -> None:
        """A worker asks what is needed; with too many alive, idle ones are asked to leave."""
        for launch in scheduling.claim_demand("worker").launches:
            executor = Executor.objects.get(pk=launch.executor)
            self.executors.append(FakeExecutor(executor.pk, launch.pool, self.granted))
            self.executors[-1].connect()

    @precondition(lambda self: self.alive)
    @rule(which=some, limit=st.integers(1, 3), is_lost=st.booleans())
    def lease(self, which: int, limit: int, is_lost: bool) -> None:
        executor = self.alive[which % len(self.alive)]
        if not executor.is_linked:
            return
        given = leases.lease_queued(
            executor.id, executor.epoch, min(limit, leases.get_offer(executor.id).count)
        )
        if is_lost:
            executor.cut(is_noticed=True)
        else:
            executor.take(given)

    @precondition(lambda self: self.alive)
    @rule(which=some, fate=fates)
    def flush(self, which: int, fate: Fate) -> None:
        self.alive[which % len(self.alive)].flush(fate)

    @precondition(lambda self: self.alive)
    @rule(which=some)
    def hear(self, which: int) -> None:
        executor = self.alive[which % len(self.alive)]
        if not executor.is_linked:
            return
        was_quiet = executor.is_quiet

        executor.take_news()

        # Law 2: what was asked to stop is told, however often the link broke.
        for key, action in executor.held.items():
            if was_quiet and action.stage is not Stage.OVER:
                assert action.is_cancelled == (self.seen[key].abort is not None), key

    @precondition(lambda self: self.alive)
    @rule(which=some, is_noticed=st.booleans())
    def cut(self, which: int, is_noticed: bool) -> None:
        self.alive[which % len(self.alive)].cut(is_noticed=is_noticed)

    @precondition(lambda self: self.alive)
    @rule(which=some, is_welcome_lost=st.booleans())
    def connect_again(self, which: int, is_welcome_lost: bool) -> None:
        executor = self.alive[which % len(self.alive)]
        old = executor.epoch
        executor.is_linked = False
        executor.connect(is_welcome_lost=is_welcome_lost)
        if executor.is_alive and is_welcome_lost:
            executor.connect()
        # The socket before is closed only now; that is old news.
        leases.disconnect_executor(executor.id, old)

    @precondition(lambda self: self.alive)
    @rule(which=some, is_dead=st.booleans())
    def crash(self, which: int, is_dead: bool) -> None:
        """The server hears that the process has ended, rightly or (the machine was out of reach) wrongly."""
        executor = self.alive[which % len(self.alive)]
        executor.is_linked = False
        if is_dead:
            executor.die()
        leases.end_executor(executor.id, "its process ended with code -9")

    @precondition(lambda self: self.alive)
    @rule(which=some, fate=fates)
    def stop_in_an_orderly_way(self, which: int, fate: Fate) -> None:
        executor = self.alive[which % len(self.alive)]
        executor.flush()
        executor.interrupt()
        executor.flush(fate)
        leases.end_executor(executor.id, "it exited with code 0")
        executor.die()

    @rule(fate=fates, is_killed=st.booleans())
    def stop_what_must_stop(self, fate: Fate, is_killed: bool) -> None:
        """The worker ends the processes that it is told to; Exited comes when they have ended."""
        told = {stop.executor for stop in scheduling.find_stops("worker")}
        for executor in self.alive:
            if str(executor.id) not in told:
                continue
            before = look()
            if not is_killed:
                executor.flush()
                executor.interrupt()
                executor.flush(fate)
            innocent = {
                key: seen.system_failures for key, seen in before.items()
                if seen.executor == executor.id and seen.phase in LIVE and seen.abort is None
            }  # fmt: skip
            executor.die()
            leases.end_executor(executor.id, "killed by SIGKILL", was_stopped=not is_killed)
            after = look()
            for key, failures in innocent.items():
                assert after[key].system_failures == failures, f"law 6: {key} did nothing"

    @rule()
    def restart_the_server(self) -> None:
        scheduling.forget_connections()
        for executor in self.alive:
            executor.is_linked = False

    # --- code that runs -----------------------------------------------------------------------------------------

    @precondition(lambda self: self.held(0, Stage.WAITING))
    @rule(which=some)
    def begin(self, which: int) -> None:
        if found := self.held(which, Stage.WAITING):
            executor, key, action = found
            executor.start(key, action)

    @precondition(lambda self: self.held(0, Stage.RUNNING))
    @rule(which=some, step=st.sampled_from(list(Escalation)))
    def refuse(self, which: int, step: Escalation) -> None:
        """Code that was told to stop goes on, and its executor says how far it has gone."""
        if (found := self.held(which, Stage.RUNNING)) and found[2].is_cancelled:
            executor, key, action = found
            executor.say(frames.Refusing(key, action.epoch, frames.now_us(), int(step), "its stack", 0))

    @precondition(lambda self: self.held(0, Stage.RUNNING, Stage.WAITING))
    @rule(which=some, ending=endings)
    def finish(self, which: int, ending: tuple[str, Failure | None]) -> None:
        if found := self.held(which, Stage.RUNNING, Stage.WAITING):
            executor, key, action = found
            executor.finish(key, action, *ending)

    @precondition(lambda self: self.held(0, Stage.RUNNING))
    @rule(which=some, count=st.integers(1, 3), kind=kinds, again=st.booleans())
    def ask_for_children(self, which: int, count: int, kind: str, again: bool) -> None:
        """again: a later attempt asks for what the first one asked for."""
        if found := self.held(which, Stage.RUNNING):
            executor, key, action = found
            known = sorted(
                one.name for one, seen in self.seen.items() if one.run == key.run and seen.parent == key.name
            )
            names = known[:count] if again else [self.new_name() for _ in range(count)]
            for name in names:
                message = self.message(key, name, kind, which).SerializeToString()
                executor.say(frames.Enqueue(key.run, key.name, message))
            action.children += names

    @precondition(lambda self: self.held(0, Stage.RUNNING))
    @rule(which=some, child=some)
    def cancel_a_child(self, which: int, child: int) -> None:
        if (found := self.held(which, Stage.RUNNING)) and found[2].children:
            executor, key, action = found
            name = action.children[child % len(action.children)]
            executor.say(frames.AbortChild(Key(key.run, name), key.name, frames.now_us()))

    @precondition(lambda self: self.held(0, Stage.WAITING))
    @rule(which=some)
    def give_back(self, which: int) -> None:
        if found := self.held(which, Stage.WAITING):
            executor, key, action = found
            executor.give_back(key, action)

    @precondition(lambda self: self.runs and any(executor.is_quiet for executor in self.executors))
    @rule(which=some, who=some, change=st.sampled_from([-1, 0, 1]))
    def lie(self, which: int, who: int, change: int) -> None:
        """Whatever an executor says of what it does not hold, or of a lease that is not its, changes nothing (law 11)."""
        quiet = [executor for executor in self.executors if executor.is_quiet]
        executor = quiet[who % len(quiet)]
        key = list(self.seen)[which % len(self.seen)]
        seen, at = self.seen[key], frames.now_us()
        is_mine = seen.executor == executor.id and seen.phase in LIVE
        about: list[tuple[Key, int]] = [(Key(key.run, "nosuch"), 1), (Key(0, ROOT), 1)]
        if not is_mine or change:
            about.append((key, seen.lease_epoch + change))
        for one, epoch in about:
            executor.say(
                frames.Started(one, epoch, at), frames.Delivered(one, epoch, at), frames.Returned(one, epoch),
                frames.Finished(one, epoch, at, "succeeded"), frames.Finished(one, epoch, at, "interrupted"),
            )  # fmt: skip
        if is_mine and seen.abort is None:
            executor.say(frames.Delivered(key, seen.lease_epoch, at))
        if not is_mine:
            executor.say(*[
                frames.AbortChild(child, key.name, at)
                for child, below in self.seen.items()
                if child.run == key.run and below.parent == key.name
            ])  # fmt: skip
        executor.flush()
        assert look() == self.seen

    # --- the end ------------------------------------------------------------------------------------------------

    def finish_everything(self) -> None:
        """Every link works, and nobody asks for more: then everything ends."""
        for _ in range(PATIENCE):
            if all(seen.phase in TERMINAL for seen in self.seen.values()):
                break
            self.stop_what_must_stop(Fate.ARRIVES, is_killed=True)
            if work := cache.find_work():
                cache.settle(work)
            self.start_executors()
            for executor in self.alive:
                if not executor.is_linked:
                    executor.connect()
                executor.flush()
                executor.take_news()
            for executor in self.alive:
                executor.take(
                    leases.lease_queued(executor.id, executor.epoch, leases.get_offer(executor.id).count)
                )
                for key, action in executor.holding(Stage.WAITING, Stage.RUNNING):
                    executor.finish(key, action, "succeeded")
                executor.flush()
            self.the_laws_hold()
        assert {key for key, seen in self.seen.items() if seen.phase in LIVE} == set(), "these never end"


@pytest.mark.django_db
@pytest.mark.long
def test_the_laws_hold_in_every_history(settings: Any) -> None:
    settings.MAX_EXECUTORS = 3

    run_state_machine_as_test(Histories, settings=PROFILE)
