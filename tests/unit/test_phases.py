"""The transition table, as a product of all phases with all phases."""

from __future__ import annotations

from itertools import product

import pytest
from flyteidl2.common import phase_pb2

from runs.phases import ALLOWED, HELD, LABELS, LIVE, TERMINAL, UNHELD, Phase, may_move


@pytest.mark.parametrize(("current", "to"), list(product(Phase, Phase)))
def test_a_phase_moves_only_as_the_table_says_and_a_terminal_one_never(current, to):
    assert may_move(current, to) == (to in ALLOWED[current])
    if current in TERMINAL:
        assert not may_move(current, to)
    else:
        assert may_move(current, Phase.ABORTED)
    # A retry after the time in the queue was up is queued again, or waits again.
    assert may_move(current, current) == (current in {Phase.QUEUED, Phase.WAITING_FOR_RESOURCES})


def test_every_live_phase_is_either_held_by_an_executor_or_by_nobody():
    assert HELD | UNHELD == LIVE
    assert not HELD & UNHELD


def test_the_numbers_are_those_of_the_wire():
    for phase in Phase:
        assert phase_pb2.ActionPhase.Value(f"ACTION_PHASE_{phase.name}") == phase.value
    assert set(LABELS) == set(Phase)
