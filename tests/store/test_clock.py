"""The engine's clock, when somebody sets the clock of the machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from runs.store.clock import SteadyClock

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """A wall clock that can be set, and a monotonic one that cannot."""

    def __init__(self) -> None:
        self.wall = START
        self.seconds = 0.0
        self.clock = SteadyClock(lambda: self.wall, lambda: self.seconds)

    def passes(self, seconds: float) -> datetime:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds
        return self.clock()


def test_it_is_the_wall_clock():
    machine = Machine()

    assert machine.passes(5) == START + timedelta(seconds=5)
    machine.wall += HOUR
    assert machine.passes(5) == START + HOUR + timedelta(seconds=10)


def test_a_wall_clock_that_is_set_back_costs_no_second():
    machine = Machine()
    before = machine.passes(10)

    machine.wall -= HOUR
    times = [machine.passes(seconds) for seconds in (0, 30, 30)]

    assert times == [before, before + timedelta(seconds=30), before + timedelta(seconds=60)]


def test_it_is_the_wall_clock_again_when_that_has_caught_up():
    machine = Machine()
    machine.wall -= timedelta(seconds=60)
    machine.passes(10)

    machine.wall += timedelta(seconds=120)
    assert machine.passes(1) == machine.wall
