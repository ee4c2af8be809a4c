"""What people and clients do in a random history (tests/engine/test_histories.py)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
)

from runs.domain.errors import AlreadyExists, Conflict, NotFound, RunEnded
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.phases import TERMINAL, UNHELD, Phase
from runs.domain.specs import read_action, read_task_spec
from runs.engine import cache, limits
from runs.engine.aborts import request_abort
from runs.engine.conditions import signal_condition
from runs.engine.creation import create_run, enqueue
from runs.models import Action, Run
from runs.protocol.frames import Key
from tests.support.history import History, kinds, some
from tests.support.law_checks import look
from tests.support.scene import BUNDLES, DOMAIN, PROJECT, child_message, new_run, task_spec

LIMITS = (0, 1, 0, 2, 0)  # of actions of a run at a time; 0 is unlimited


class People(History):
    """They create runs, abort, signal, and ask for what is not there."""

    def start_executors(self) -> None:
        """A worker asks what is needed."""
        raise NotImplementedError

    def lease(self, which: int, limit: int, is_lost: bool) -> None:
        """An executor is given some of what waits."""
        raise NotImplementedError

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
        limit = LIMITS[which % len(LIMITS)]
        ref = create_run(new_run(read_task_spec(spec), name=f"r{len(self.runs)}", max_actions=limit))
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
