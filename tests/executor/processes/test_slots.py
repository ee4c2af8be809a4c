"""Who may run: the number of processes and of declared cores is kept, and somebody always gets on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runs.executor.processes.slots import Slots

PROCESSES, CORES = 3, 2.0


class Model(RuleBasedStateMachine):
    """Processes that begin, wait for children, go on, leave the queue and end, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.slots: Slots[int] = Slots(PROCESSES, CORES)
        self.cores: dict[int, float] = {}
        self.queue: list[int] = []
        self.running: list[int] = []
        self.away: list[int] = []  # wait for their children, without a slot

    @rule(cores=st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0, 2.0, 64.0]))
    def comes(self, cores: float) -> None:
        one = len(self.cores)
        self.cores[one] = cores
        self.slots.join(one, cores)
        self.queue.append(one)

    @rule()
    def fill(self) -> None:
        while (one := self.slots.take()) is not None:
            self.queue.remove(one)
            self.running.append(one)

    @precondition(lambda self: self.running)
    @rule(at=st.integers(0, 5), ends=st.booleans())
    def gives_back(self, at: int, ends: bool) -> None:
        one = self.running.pop(at % len(self.running))
        self.slots.give_back(self.cores[one])
        if not ends:
            self.away.append(one)

    @precondition(lambda self: self.away)
    @rule(at=st.integers(0, 5))
    def goes_on(self, at: int) -> None:
        one = self.away.pop(at % len(self.away))
        self.slots.join(one, self.cores[one], has_begun=True)
        self.queue.append(one)

    @precondition(lambda self: self.queue)
    @rule(at=st.integers(0, 5))
    def leaves(self, at: int) -> None:
        one = self.queue.pop(at % len(self.queue))
        assert self.slots.leave(one)
        assert not self.slots.leave(one)

    @invariant()
    def limits_hold(self) -> None:
        declared = [self.cores[one] for one in self.running if self.cores[one]]
        assert len(self.running) <= PROCESSES
        assert sum(declared) <= CORES + 1e-6 or len(declared) == 1
        assert sorted(self.slots.waiting()) == sorted(self.queue)

    def teardown(self) -> None:
        """Whatever came before: as what runs ends, everything gets its turn."""
        while self.queue or self.running:
            self.fill()
            assert self.running, f"nobody runs, and {len(self.queue)} wait"
            self.gives_back(0, ends=True)


TestModel = Model.TestCase


@given(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=2, max_size=20))
def test_who_declares_cores_is_not_overtaken_by_another_who_does(declared: list[float]):
    slots: Slots[int] = Slots(PROCESSES, CORES)
    for one, cores in enumerate(declared):
        slots.join(one, cores)

    order: list[int] = []
    while len(order) < len(declared):
        while (next_one := slots.take()) is not None:
            order.append(next_one)
        slots.give_back(declared[order[-1]])

    assert order == list(range(len(declared)))


@pytest.mark.parametrize("has_begun", [True, False])
def test_who_declares_nothing_does_not_wait_for_cores(has_begun: bool):
    slots: Slots[str] = Slots(PROCESSES, 1.0)
    slots.join("trains", 1.0)
    slots.join("trains too", 1.0)
    slots.join("waits", 0.0, has_begun=has_begun)

    assert [slots.take(), slots.take(), slots.take()] == ["trains", "waits", None]
