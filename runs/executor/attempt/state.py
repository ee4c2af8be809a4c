"""The life of an attempt in this process: a state machine, and beside it how urgently the attempt is to stop. Pure.

    LEASED ── claim ──> LOADING ─┬─ start ────> RUNNING      on the user's loop
                                 └─ isolate ──> ISOLATED     in a child process
    LEASED, LOADING, RUNNING ── close ──> CLOSED
    each of these five ── report ──> REPORTED ── acknowledge ──> GONE
    LEASED, LOADING ── give_back ──> GONE        every state ── lose ──> GONE

The link's thread may give a lease back or report its end at the moment in which the user's loop claims it, so each
transition is one step under a lock, and its result says whether this caller has made it.
"""

from __future__ import annotations

import threading
from enum import Enum, IntEnum, auto
from typing import NamedTuple

from runs.domain.errors import ForbiddenTransition
from runs.protocol.frames import AbortNote


class State(Enum):
    """How far the attempt is."""

    LEASED = auto()  # none of its code has run
    LOADING = auto()  # its task imports the user's module, or reads its inputs
    RUNNING = auto()  # its code runs on the user's loop
    ISOLATED = auto()  # a child process runs its code, or will when there is a slot
    CLOSED = auto()  # its tasks were ended by force, so what they return is ignored
    REPORTED = auto()  # its end is reported; it is held until the server has acknowledged that
    GONE = auto()  # acknowledged, given back or lost: no event about it is sent any more


class Stop(IntEnum):
    """How urgently an attempt is to stop. It only rises: a stronger request replaces a weaker one."""

    NONE = 0
    SHUTDOWN = 1  # the executor stops in order, and the attempt runs again elsewhere
    ABORT = 2
    FORCED = 3  # an abort without grace periods


ACTIVE = frozenset({State.LEASED, State.LOADING, State.RUNNING, State.ISOLATED, State.CLOSED})


class Transition(NamedTuple):
    """Where it leads, from where it is allowed, and where it is ignored. Anywhere else it is a bug of the caller."""

    to: State
    allowed: frozenset[State]
    ignored: frozenset[State]


ENDED = frozenset({State.REPORTED, State.GONE})
CLAIM = Transition(State.LOADING, frozenset({State.LEASED}), ENDED | {State.CLOSED})
START = Transition(State.RUNNING, frozenset({State.LOADING}), ENDED | {State.CLOSED})
ISOLATE = Transition(State.ISOLATED, frozenset({State.LOADING}), ENDED)
CLOSE = Transition(State.CLOSED, ACTIVE - {State.ISOLATED, State.CLOSED}, ENDED | {State.CLOSED})
REPORT = Transition(State.REPORTED, ACTIVE, ENDED)
NOT_BEGUN = frozenset({State.LEASED, State.LOADING})
GIVE_BACK = Transition(State.GONE, NOT_BEGUN, frozenset(State) - NOT_BEGUN)
LOSE = Transition(State.GONE, frozenset(State) - {State.GONE}, frozenset({State.GONE}))
ACKNOWLEDGE = Transition(State.GONE, frozenset({State.REPORTED}), frozenset({State.GONE}))

# One lock for all attempts: a transition is a few comparisons, and thousands of attempts need no lock each.
_lock = threading.Lock()


class Lifecycle:
    """Each transition returns True if it was made, False where it is ignored, and raises ForbiddenTransition elsewhere."""

    __slots__ = ("abort", "demanded", "state", "stop")

    def __init__(self) -> None:
        self.state = State.LEASED
        # What has reached the code, or keeps it from beginning. Written on the thread that cancels the code: the user's
        # loop; the link's for an isolated attempt, and for one that ends before it begins.
        self.stop = Stop.NONE
        self.abort: AbortNote | None = None  # set before `stop` is ABORT
        # What the server has demanded and `Escalation` enforces: ahead of `stop`. On the link's thread only.
        self.demanded = Stop.NONE

    def claim(self) -> bool:
        """Its task on the user's loop begins. Ignored when the lease was given back or has ended before."""
        return self._move(CLAIM)

    def start(self) -> bool:
        """Its code begins on the user's loop. Ignored when it was closed, reported or lost while it was loading."""
        return self._move(START)

    def isolate(self) -> bool:
        """A child process takes it over: from now on the link's thread alone handles its aborts."""
        return self._move(ISOLATE)

    def close(self) -> bool:
        """Its tasks are about to be ended by force. Ignored if it is reported or lost, whose tasks may be ended, too."""
        return self._move(CLOSE)

    def report(self) -> bool:
        """Its end is about to be reported. Any thread; the first one reports."""
        return self._move(REPORT)

    def give_back(self) -> bool:
        """The lease is returned, if none of its code has run."""
        return self._move(GIVE_BACK)

    def lose(self) -> bool:
        """The server has given the action to another executor."""
        return self._move(LOSE)

    def acknowledge(self) -> bool:
        """The server has recorded the end, or the return, which has made it GONE already."""
        return self._move(ACKNOWLEDGE)

    def _move(self, transition: Transition) -> bool:
        with _lock:
            if self.state in transition.allowed:
                self.state = transition.to
                return True
            if self.state in transition.ignored:
                return False
        raise ForbiddenTransition(f"an attempt that is {self.state.name} may not become {transition.to.name}")

    def request_shutdown(self) -> bool:
        """Stop because the executor stops; False when it is to stop already."""
        return self._raise_stop(Stop.SHUTDOWN)

    def request_abort(self, note: AbortNote) -> bool:
        """Stop because of an abort; False when there was one before, whose note stays (law 10)."""
        if self.abort is None:
            self.abort = note
        return self._raise_stop(Stop.ABORT)

    def _raise_stop(self, stop: Stop) -> bool:
        with _lock:
            if stop <= self.stop:
                return False
            self.stop = stop
            return True

    def demand(self, stop: Stop) -> bool:
        """The server demands that it stops; False when it has demanded as much before. On the link's thread."""
        if stop <= self.demanded:
            return False
        self.demanded = stop
        return True

    @property
    def is_active(self) -> bool:
        """Whether its code still counts: what runs on after the end was reported must not start or abort children."""
        return self.state in ACTIVE

    @property
    def is_isolated(self) -> bool:
        return self.state is State.ISOLATED

    @property
    def is_stopping(self) -> bool:
        return self.stop is not Stop.NONE
