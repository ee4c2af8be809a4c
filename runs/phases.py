"""Phases of an action, the transitions that are allowed, and the causes that are recorded with them.

    QUEUED -> WAITING_FOR_RESOURCES -> INITIALIZING -> RUNNING -> SUCCEEDED | FAILED | ABORTED | TIMED_OUT
      ^------------- requeued: retry, shutdown, lost executor ---------'
    PAUSED (a condition that waits for its signal) -> SUCCEEDED | FAILED | ABORTED | TIMED_OUT
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
        """The word shown to people, e.g. ``Timed out``."""
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
# An executor holds these, so only its word ends them (law 4).
HELD: frozenset[Phase] = frozenset({Phase.INITIALIZING, Phase.RUNNING})

# The limits of an action, as the codes of the errors that they end with (PROTOCOL.md §2.11).
MAX_RUNTIME = "MAX_RUNTIME_EXCEEDED"
QUEUED_TIMEOUT = "QUEUED_TIMEOUT_EXCEEDED"
DEADLINE = "DEADLINE_EXCEEDED"
CONDITION_TIMEOUT = "ConditionTimedOut"

_ENDS = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.ABORTED, Phase.TIMED_OUT})

ALLOWED: dict[Phase, frozenset[Phase]] = {
    # To itself, this one and the next: a retry after the time in the queue was up.
    Phase.QUEUED: _ENDS
    | {Phase.QUEUED, Phase.WAITING_FOR_RESOURCES, Phase.INITIALIZING, Phase.RUNNING, Phase.RECOVERED},
    Phase.WAITING_FOR_RESOURCES: _ENDS
    | {Phase.WAITING_FOR_RESOURCES, Phase.QUEUED, Phase.INITIALIZING, Phase.RUNNING},
    Phase.INITIALIZING: _ENDS | {Phase.QUEUED, Phase.WAITING_FOR_RESOURCES, Phase.RUNNING},
    Phase.RUNNING: _ENDS | {Phase.QUEUED},
    Phase.PAUSED: _ENDS,
    Phase.SUCCEEDED: frozenset(),
    Phase.FAILED: frozenset(),
    Phase.ABORTED: frozenset(),
    Phase.TIMED_OUT: frozenset(),
    Phase.RECOVERED: frozenset(),
}


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
    FORCED = "forced"
    CACHE_HIT = "cache hit"


def may_move(current: Phase, to: Phase) -> bool:
    """Whether the table allows the move; a terminal phase never moves."""
    return to in ALLOWED[current]
