"""The whole of the attempt's state machine: each transition from each state, and each request to stop after each other."""

from __future__ import annotations

from itertools import product

import pytest

from runs.domain.errors import ForbiddenTransition
from runs.executor.attempt.state import Lifecycle, State, Stop
from runs.protocol.frames import AbortNote

# What each transition makes of each state: "-" it is ignored, "!" it is forbidden.
TABLE = """
            LEASED    LOADING   RUNNING   ISOLATED  CLOSED    REPORTED  GONE
claim       LOADING   !         !         !         -         -         -
start       !         RUNNING   !         !         -         -         -
isolate     !         ISOLATED  !         !         !         -         -
close       CLOSED    CLOSED    CLOSED    !         -         -         -
report      REPORTED  REPORTED  REPORTED  REPORTED  REPORTED  -         -
give_back   GONE      GONE       -         -         -         -         -
lose        GONE      GONE      GONE      GONE      GONE      GONE      -
acknowledge !         !         !         !         !         GONE      -
"""
STATES, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
CELLS = [
    (transition, state, result)
    for transition, *results in ROWS
    for state, result in zip(STATES, results, strict=True)
]
NOTE = AbortNote("external abort", "alice", "too slow", "a0", 1)
LATER = AbortNote("timeout", "flyteui", "too late", "a0", 2)
LEVELS = {"request_shutdown": Stop.SHUTDOWN, "request_abort": Stop.ABORT}


def request(life: Lifecycle, method: str) -> bool:
    return life.request_abort(NOTE) if method == "request_abort" else life.request_shutdown()


def at(state: str) -> Lifecycle:
    life = Lifecycle()
    life.state = State[state]
    return life


def test_the_table_has_every_state_and_every_transition() -> None:
    moves = {
        name
        for name, method in vars(Lifecycle).items()
        if "_move" in getattr(getattr(method, "__code__", None), "co_names", ())
    }

    assert [State[name] for name in STATES] == list(State)
    assert {transition for transition, *_ in ROWS} == moves


@pytest.mark.parametrize(("transition", "state", "result"), CELLS)
def test_each_transition_is_made_ignored_or_forbidden(transition: str, state: str, result: str) -> None:
    life = at(state)

    if result == "!":
        with pytest.raises(ForbiddenTransition, match=state):
            getattr(life, transition)()
    else:
        assert getattr(life, transition)() is (result != "-")

    assert life.state is State[state if result in {"-", "!"} else result]


@pytest.mark.parametrize("state", STATES)
def test_what_is_active_can_be_reported_and_nothing_else(state: str) -> None:
    is_active = at(state).is_active

    assert at(state).report() is is_active


@pytest.mark.parametrize(("first", "second"), list(product(LEVELS, repeat=2)))
def test_a_request_to_stop_only_rises(first: str, second: str) -> None:
    life = Lifecycle()

    assert request(life, first)
    is_stronger = request(life, second)

    assert is_stronger is (LEVELS[second] > LEVELS[first])
    assert life.stop is max(LEVELS[first], LEVELS[second])
    assert life.is_stopping
    assert (life.abort is NOTE) is (life.stop is Stop.ABORT)


def test_the_note_of_the_first_abort_stays() -> None:
    life = Lifecycle()

    assert life.request_abort(NOTE)
    assert not life.request_abort(LATER)

    assert life.abort is NOTE


@pytest.mark.parametrize(("first", "second"), list(product(Stop, repeat=2)))
def test_a_demand_only_rises_and_says_nothing_to_the_code(first: Stop, second: Stop) -> None:
    life = Lifecycle()
    life.demand(first)

    assert life.demand(second) is (second > first)

    assert life.demanded is max(first, second)
    assert not life.is_stopping
