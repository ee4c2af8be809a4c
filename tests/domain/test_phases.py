"""The transition table, as a product of all phases with all phases."""

from __future__ import annotations

from itertools import product

import pytest
from flyteidl2.common import phase_pb2

from runs.domain.phases import ALLOWED, HELD, LABELS, LIVE, TERMINAL, UNHELD, Phase, may_move

QUEUE = {Phase.QUEUED, Phase.WAITING_FOR_RESOURCES}


@pytest.mark.parametrize(("current", "to"), list(product(Phase, Phase)))
def test_a_phase_moves_only_as_the_table_says_and_a_terminal_one_never(current, to):
    moves = may_move(current, to)

    assert moves == (to in ALLOWED[current])
    if current in TERMINAL:
        assert not moves
    elif to in {Phase.ABORTED, Phase.TIMED_OUT}:
        assert moves, "whatever lives can be aborted, and has a deadline"
    elif to is Phase.FAILED:
        assert moves == (current in {*HELD, Phase.QUEUED}), "an executor holds it, or none can run it"
    elif to is Phase.SUCCEEDED:
        assert moves == (current not in {Phase.QUEUED, Phase.INITIALIZING}), (
            "it ran, or was given its outputs"
        )
    elif current is Phase.PAUSED:
        assert not moves, "a condition is run by nobody"
    elif to is current:
        assert moves == (current in QUEUE), "a retry after the time in the queue"
    elif to is Phase.WAITING_FOR_RESOURCES:
        assert not moves, "the cache is asked once"
    elif to is Phase.RECOVERED:
        assert moves == (current is Phase.QUEUED)


def test_every_live_phase_is_either_held_by_an_executor_or_by_nobody():
    assert HELD | UNHELD == LIVE
    assert not HELD & UNHELD


def test_the_numbers_are_those_of_the_wire():
    for phase in Phase:
        assert phase_pb2.ActionPhase.Value(f"ACTION_PHASE_{phase.name}") == phase.value
    assert set(LABELS) == set(Phase)
