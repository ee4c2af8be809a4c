"""Random histories: whatever runs, executors, links and people do, in any order, the laws of DESIGN.md §5 hold.

After every step the doctor finds nothing, and what a plain reading of the laws says of the step is true. At the end the
executors finish what they hold, and then nothing may be left alive.
`FLYTEUI_TEST_HISTORIES=1000` runs that many, each of 80 steps.
"""

# Over 400 lines: one state machine, whose rules share its state.
from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from flyteidl2.actions import actions_service_pb2
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Part
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runs.doctor import checks
from runs.domain.errors import AlreadyExists, Conflict, NotFound, RunEnded
from runs.domain.failures import Failure
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.phases import LIVE, TERMINAL, UNHELD, Escalation, Phase
from runs.domain.specs import read_action, read_task_spec
from runs.engine import cache, leases, limits
from runs.engine.aborts import request_abort
from runs.engine.conditions import signal_condition
from runs.engine.creation import _pool_ids, _spec_ids, create_run, enqueue
from runs.engine.executors import scheduling
from runs.models import Action, Executor, Project, Run
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.support.fake_executor import FakeExecutor, Fate, HeldAction, Stage
from tests.support.law_checks import ActionState, check_step, look
from tests.support.long import long_or_short
from tests.support.scene import BUNDLES, DOMAIN, PROJECT, child_message, new_run, task_spec

EXAMPLES = int(os.environ.get("FLYTEUI_TEST_HISTORIES", long_or_short(100, 0)))
PROFILE = settings(
    max_examples=EXAMPLES or 8,
    stateful_step_count=80 if EXAMPLES else 30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Not `explain`: it traces each line, and the ORM has many.
    phases=[Part.reuse, Part.generate, Part.shrink],
)
pytestmark = pytest.mark.timeout(
    300 + EXAMPLES
)  # a machine may be busy; a history that hangs is ended by PATIENCE
AGES = timedelta(days=1)
PATIENCE = 60  # rounds in which everything must have come to its end
some = st.integers(0, 30)  # which of those there are
fates = st.sampled_from([Fate.ARRIVES, Fate.ARRIVES, Fate.ARRIVES, Fate.ANSWER_LOST, Fate.LOST])
kinds = st.sampled_from(["task", "task", "elsewhere", "trace", "condition", "cached", "serial"])
endings = st.sampled_from([
    ("succeeded", None),
    ("failed", Failure("ValueError", "no")),
    ("failed", Failure("ValueError", "perhaps", recoverable=True)),
    ("failed", Failure("ActionAbortedError", "a child was aborted", recoverable=True)),
    ("failed", None),
    ("cancelled", None),
    ("lost", Failure("Interrupted", "killed", "system", recoverable=True)),
])  # fmt: skip


class Histories(RuleBasedStateMachine):
    """Two pools, up to three runs and executors. seen: what the last step left."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        _spec_ids.clear()
        _pool_ids.clear()
        Project.objects.get_or_create(name=PROJECT)
        self.runs: dict[int, RunRef] = {}
        self.executors: list[FakeExecutor] = []
        self.granted: dict[tuple[Key, int], Any] = {}
        self.names = 0
        self.seen: dict[Key, ActionState] = {}
        self.cache_work: cache.Work | None = None

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.finish_everything()
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    # --- choosing -----------------------------------------------------------------------------------------------

    @property
    def alive(self) -> list[FakeExecutor]:
        return [executor for executor in self.executors if executor.is_alive]

    def held(self, which: int, *stages: Stage) -> tuple[FakeExecutor, Key, HeldAction] | None:
        """One of all actions that some executor holds."""
        held = [(one, key, action) for one in self.alive for key, action in one.holding(*stages)]
        return held[which % len(held)] if held else None

    def message(self, key: Key, name: str, kind: str, which: int = 0) -> actions_service_pb2.Action:
        """What the SDK would send for a child of `key`."""
        return child_message(self.runs[key.run].name, key.name, name, kind=kind, which=which)

    def new_name(self) -> str:
        self.names += 1
        return f"c{self.names}"

    # --- people and clients -------------------------------------------------------------------------------------

    @initialize(which=some)
    def begin_with_a_run_that_is_held(self, which: int) -> None:
        self.create_run(which)
        self.seen = look()
        self.start_executors()
        self.lease(0, limit=1, is_lost=False)

    @precondition(lambda self: len(self.runs) < 3)
    @rule(which=some)
    def create_run(self, which: int) -> None:
        spec = task_spec(bundle=BUNDLES[which % 2], retries=which % 3)
        ref = create_run(new_run(read_task_spec(spec), name=f"r{len(self.runs)}"))
        self.runs[Run.objects.get(name=ref.name).pk] = ref

    @precondition(lambda self: self.runs)
    @rule(which=some, reason=st.sampled_from(["", "slow", "wrong"]))
    def abort(self, which: int, reason: str) -> None:
        key = list(self.seen)[which % len(self.seen)]
        before = self.seen[key]

        target = self.runs[key.run] if key.name == ROOT else ActionRef(self.runs[key.run], key.name)
        answer = request_abort(target, reason=reason, actor="ann")

        if before.phase in TERMINAL:
            assert (answer.outcome, answer.phase) == ("already_ended", before.phase)
        elif before.is_aborting:
            assert (answer.outcome, answer.reason) == ("already_requested", before.reason)
        else:
            assert answer.outcome == "requested"
            after = look()[key]
            assert after.abort is not None
            assert after.phase is (Phase.ABORTED if before.phase in UNHELD else before.phase)
        if answer.outcome != "requested":
            assert look() == self.seen

    @precondition(lambda self: self.runs)
    @rule(which=some)
    def force(self, which: int) -> None:
        """Law 10 for Force: what has ended stays as it is, and a second one changes nothing."""
        key = list(self.seen)[which % len(self.seen)]
        target = ActionRef(self.runs[key.run], key.name)

        answer = request_abort(target, reason="now", actor="bob", force=True)

        after = look()
        if self.seen[key].phase in TERMINAL:
            assert (answer.outcome, after) == ("already_ended", self.seen)
        else:
            assert answer.outcome == ("requested" if after[key].phase in TERMINAL else "forced")
        request_abort(target, reason="again", actor="ann", force=True)
        assert look() == after

    @precondition(lambda self: self.runs)
    @rule(which=some, kind=kinds, name=st.one_of(st.none(), some))
    def enqueue_over_http(self, which: int, kind: str, name: int | None) -> None:
        """As the client of an isolated action does; name: one that exists already."""
        key = list(self.seen)[which % len(self.seen)]
        taken = sorted(
            one.name for one in self.seen if one.run == key.run and one.name not in {ROOT, key.name}
        )
        called = taken[name % len(taken)] if taken and name is not None else self.new_name()
        new = read_action(self.message(key, called, kind, which).SerializeToString())
        parent, root = self.seen[key], self.seen[Key(key.run, ROOT)]

        try:
            enqueue(ActionRef(self.runs[key.run], key.name), new)
        except AlreadyExists:
            assert called in taken
        except RunEnded:
            assert parent.is_stopping or root.is_stopping
        else:
            assert called not in taken
            assert not parent.is_stopping
            assert not root.is_stopping

    @precondition(lambda self: self.runs)
    @rule(which=some, is_deadline=st.booleans())
    def exceed_a_limit(self, which: int, is_deadline: bool) -> None:
        key = list(self.seen)[which % len(self.seen)]
        before, now = self.seen[key], timezone.now()
        if before.phase in TERMINAL or before.abort is not None:
            return
        is_deadline |= before.phase is Phase.PAUSED
        columns = {"due_at": now, "deadline_at": now if is_deadline else None, "queued_timeout_seconds": 1e6}
        Action.objects.filter(run=key.run, name=key.name).update(**columns)

        limits.expire(now)

        after = look()[key]
        if before.phase not in UNHELD:
            assert (after.phase, after.abort is not None) == (before.phase, True)
        elif not is_deadline and before.attempt < before.max_attempts:
            assert (after.phase, after.attempt) == (before.phase, before.attempt + 1)
        else:
            assert (after.phase, after.abort) == (Phase.TIMED_OUT, None)

    @precondition(lambda self: self.runs)
    @rule(which=some, value=st.booleans())
    def signal(self, which: int, value: bool) -> None:
        key = list(self.seen)[which % len(self.seen)]
        before = self.seen[key]
        try:
            answer = signal_condition(ActionRef(self.runs[key.run], key.name), value, actor="ann")
        except Conflict:
            assert look() == self.seen
            return
        assert answer.is_new == (before.phase is Phase.PAUSED)
        assert look()[key].phase is Phase.SUCCEEDED

    @rule()
    def look_into_the_cache(self) -> None:
        """What is found may be old when it is acted on."""
        self.cache_work = cache.find_work()

    @precondition(lambda self: self.cache_work)
    @rule(are_files_there=st.booleans())
    def settle_what_was_found(self, are_files_there: bool) -> None:
        assert self.cache_work is not None
        cache.settle(self.cache_work if are_files_there else replace(self.cache_work, entries={}))

    @precondition(lambda self: self.runs)
    @rule(which=some)
    def ask_for_what_is_not_there(self, which: int) -> None:
        ref = list(self.runs.values())[which % len(self.runs)]
        for target in (ActionRef(ref, "nosuch"), RunRef(PROJECT, DOMAIN, "nosuch")):
            with pytest.raises(NotFound):
                request_abort(target, reason="", actor="ann")
        message = child_message(ref.name, "nosuch", self.new_name(), kind="task")
        with pytest.raises(NotFound):
            enqueue(ActionRef(ref, "nosuch"), read_action(message.SerializeToString()))
        assert look() == self.seen

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

    # --- what must be true --------------------------------------------------------------------------------------

    @invariant()
    def the_laws_hold(self) -> None:
        before, now = self.seen, look()
        for key, action in now.items():
            if (was := before.get(key)) is not None:
                check_step(key, was, action)
            elif key.name != ROOT:
                # Law 7, as it was before the step: one batch may ask for a child and end the parent.
                assert not before[Key(key.run, str(action.parent))].is_stopping, (
                    f"{key} began below {action.parent}"
                )
                assert not before[Key(key.run, ROOT)].is_stopping, f"{key} began in a run that is stopping"
            for above in {action.parent, ROOT} - {key.name, None}:
                if now[Key(key.run, str(above))].is_stopping:
                    assert action.is_stopping, f"{key} outlives {above}"
        self.seen = now
        live = Action.objects.filter(phase__in=LIVE).exclude(phase=Phase.WAITING_FOR_RESOURCES)
        owned = live.filter(cache_key__startswith="global:serial").values_list("cache_key", flat=True)
        assert len(owned) == len(set(owned)), "of those that are serialised, two run"
        for executor in self.executors:
            if executor.is_quiet:
                self.check_agreement(executor)
        assert checks.list_findings(checks.Limits(timezone.now(), AGES, AGES, AGES, 99)) == []

    def check_agreement(self, executor: FakeExecutor) -> None:
        """Law 11: what an executor holds is what the server says it holds, so nothing runs twice."""
        held = {key: action.epoch for key, action in executor.held.items()}
        mine = {
            key: seen.lease_epoch for key, seen in self.seen.items()
            if seen.executor == executor.id and seen.phase in LIVE
        }  # fmt: skip
        assert held == mine

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
