"""A random history, but for what happens in it: what there is, how one of it is chosen, and what must be true after each step."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from flyteidl2.actions import actions_service_pb2
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)

from runs.doctor import checks
from runs.domain.failures import Failure
from runs.domain.names import ROOT, RunRef
from runs.domain.phases import LIVE, Phase
from runs.engine import cache, concurrency
from runs.engine.creation import _pool_ids, _spec_ids
from runs.models import Action, Project
from runs.protocol.frames import Key
from tests.support.fake_executor import FakeExecutor, Fate, HeldAction, Stage
from tests.support.law_checks import ActionState, check_step, look
from tests.support.scene import PROJECT, child_message

AGES = timedelta(days=1)
some = st.integers(0, 30)  # which of those there are
fates = st.sampled_from([Fate.ARRIVES, Fate.ARRIVES, Fate.ARRIVES, Fate.ANSWER_LOST, Fate.LOST])
kinds = st.sampled_from(["task", "task", "elsewhere", "trace", "condition", "cached", "serial", "ray"])
endings = st.sampled_from([
    ("succeeded", None),
    ("failed", Failure("ValueError", "no")),
    ("failed", Failure("ValueError", "perhaps", recoverable=True)),
    ("failed", Failure("ActionAbortedError", "a child was aborted", recoverable=True)),
    ("failed", None),
    ("cancelled", None),
    ("lost", Failure("Interrupted", "killed", "system", recoverable=True)),
])  # fmt: skip


class History(RuleBasedStateMachine):
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

    def finish_everything(self) -> None:
        """Have everything end."""
        raise NotImplementedError

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
        self.check_limits(before, now)
        self.seen = now
        live = Action.objects.filter(phase__in=LIVE).exclude(phase=Phase.WAITING_FOR_RESOURCES)
        owned = live.filter(cache_key__startswith="global:serial").values_list("cache_key", flat=True)
        assert len(owned) == len(set(owned)), "of those that are serialised, two run"
        for executor in self.executors:
            if executor.is_quiet:
                self.check_agreement(executor)
        ages = checks.Limits(timezone.now(), AGES, AGES, AGES, 99, silent=AGES, blocked=AGES)
        found = checks.list_findings(ages)
        # A history takes longer on a slow machine, and this one counts seconds.
        assert [one.message for one in found if one.check != "executor-unproved"] == []

    def check_limits(self, before: dict[Key, ActionState], now: dict[Key, ActionState]) -> None:
        """Nobody gives a lease in a run that has as many actions at a time as it may have."""
        leased = {
            key.run for key, action in now.items()
            if key in before and action.lease_epoch > before[key].lease_epoch and action.phase in LIVE
        }  # fmt: skip
        leased |= {key.run for key, action in now.items() if key not in before and action.lease_epoch}
        for limit in concurrency.find_limits(leased).values():
            assert limit.running <= limit.most, f"{limit.running} of at most {limit.most} actions run"

    def check_agreement(self, executor: FakeExecutor) -> None:
        """Law 11: what an executor holds is what the server says it holds, so nothing runs twice."""
        held = {key: action.epoch for key, action in executor.held.items()}
        mine = {
            key: seen.lease_epoch for key, seen in self.seen.items()
            if seen.executor == executor.id and seen.phase in LIVE
        }  # fmt: skip
        assert held == mine
