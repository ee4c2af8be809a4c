"""Phases of an action, the transitions that are allowed, and the causes that are recorded with them.

    WAITING_FOR_RESOURCES (for the cache) -> QUEUED -> INITIALIZING -> RUNNING -> SUCCEEDED | FAILED | ABORTED | TIMED_OUT
                                               ^---- retry, shutdown, lost executor ----'
    PAUSED (a condition that waits for its value) -> SUCCEEDED | ABORTED | TIMED_OUT
    RECOVERED: taken over from an earlier run, without running.

*Aborting* is no phase: it is an action that has an abort and is not terminal yet.
Numbers are those of Flyte's wire (flyteidl2/common/phase.proto), so that no table translates them.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Phase(IntEnum):
    """Where an action is. The value is Flyte's ActionPhase number."""

    QUEUED = 1
    WAITING_FOR_RESOURCES = 2
    INITIALIZING = 3
    RUNNING = 4
    SUCCEEDED = 5
    FAILED = 6
    ABORTED = 7
    TIMED_OUT = 8
    PAUSED = 9
    RECOVERED = 10

    @property
    def slug(self) -> str:
        """The name used in CSS, URLs and filters, e.g. ``timed-out``."""
        return self.name.lower().replace("_", "-")

    @property
    def label(self) -> str:
        """The label shown to people, e.g. ``Timed out``."""
        return LABELS[self]

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


LABELS: dict[Phase, str] = {
    Phase.QUEUED: "Queued",
    Phase.WAITING_FOR_RESOURCES: "Waiting",
    Phase.INITIALIZING: "Starting",
    Phase.RUNNING: "Running",
    Phase.SUCCEEDED: "Succeeded",
    Phase.FAILED: "Failed",
    Phase.ABORTED: "Aborted",
    Phase.TIMED_OUT: "Timed out",
    Phase.PAUSED: "Paused",
    Phase.RECOVERED: "Recovered",
}

TERMINAL: frozenset[Phase] = frozenset(
    {Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED, Phase.TIMED_OUT, Phase.RECOVERED}
)
LIVE: frozenset[Phase] = frozenset(Phase) - TERMINAL
SUCCESS: frozenset[Phase] = frozenset({Phase.SUCCEEDED, Phase.RECOVERED})
# Nobody runs these, so an abort ends them in its own transaction (law 3).
UNHELD: frozenset[Phase] = frozenset({Phase.QUEUED, Phase.WAITING_FOR_RESOURCES, Phase.PAUSED})
# An executor holds these, so only its report ends them (law 4).
HELD: frozenset[Phase] = frozenset({Phase.INITIALIZING, Phase.RUNNING})

# Every move that happens, and when. No phase moves to one that is not named here.
MOVES: dict[Phase, dict[Phase, str]] = {
    Phase.QUEUED: {
        Phase.QUEUED: "retry after its time in the queue, or an executor that cannot be started",
        Phase.INITIALIZING: "leased to an executor",
        Phase.RUNNING: "reported by somebody outside of our executors",
        Phase.FAILED: "of a kind that no executor can run, no executor can be started, or its image cannot be had",
        Phase.ABORTED: "aborted",
        Phase.TIMED_OUT: "a limit passed",
        Phase.RECOVERED: "taken over from an earlier run",
    },
    Phase.WAITING_FOR_RESOURCES: {
        Phase.QUEUED: "not in the cache",
        Phase.WAITING_FOR_RESOURCES: "retry after its time in the queue",
        Phase.SUCCEEDED: "found in the cache",
        Phase.ABORTED: "aborted",
        Phase.TIMED_OUT: "a limit passed",
    },
    Phase.INITIALIZING: {
        Phase.QUEUED: "given back, interrupted or lost",
        Phase.RUNNING: "user code begins",
        Phase.FAILED: "cannot be loaded, or lost too often",
        Phase.ABORTED: "aborted, and stopped",
        Phase.TIMED_OUT: "the deadline passed, and it stopped",
    },
    Phase.RUNNING: {
        Phase.QUEUED: "retry, interrupted or lost",
        Phase.SUCCEEDED: "returned",
        Phase.FAILED: "raised with no retry left, or lost too often",
        Phase.ABORTED: "aborted, and stopped",
        Phase.TIMED_OUT: "a limit passed, and it stopped",
    },
    Phase.PAUSED: {
        Phase.SUCCEEDED: "got its value",
        Phase.ABORTED: "aborted",
        Phase.TIMED_OUT: "its timeout passed",
    },
}
ALLOWED: dict[Phase, frozenset[Phase]] = {phase: frozenset(MOVES.get(phase, ())) for phase in Phase}


class Kind(IntEnum):
    """What an action is. The value is Flyte's ActionType number."""

    TASK = 1
    TRACE = 2
    CONDITION = 3


class Escalation(IntEnum):
    """How far an executor has gone with an action that does not stop (law 6). It never goes back."""

    NONE = 0  # asked once; within its first grace period
    ASKED_AGAIN = 1  # refusing: the stack is shown, and the second grace period runs
    CLOSED = 2  # its coroutine was closed, with the tasks that it had spawned; or its process got SIGKILL
    PROCESS = 3  # only the end of the process that holds it is left


class Cause(StrEnum):
    """Why a transition happened, or why an abort was asked. The value is what people read."""

    ENQUEUED = "enqueued"
    LEASED = "leased"
    STARTED = "started"
    FINISHED = "finished"
    RETRIED = "retried"
    RECOVERED = "recovered"
    SIGNALLED = "signalled"
    SHUTDOWN = "shutdown"
    EXECUTOR_LOST = "executor lost"
    EXTERNAL_ABORT = "external abort"
    CANCELLED_BY_PARENT = "cancelled by parent"
    PARENT_ENDED = "parent ended"
    ROOT_ENDED = "root ended"
    TIMEOUT = "timeout"
    REFUSED = "refused to stop"
    HELD_UP = "held up by another action"
    FORCED = "forced"
    REASON_ADDED = "reason added"
    CACHE_HIT = "cache hit"


def may_move(current: Phase, to: Phase) -> bool:
    """Whether the move is one of the table; a terminal phase never moves."""
    return to in ALLOWED[current]
