"""What becomes of an action when an attempt of it ends. Pure: `decide` is the table, `runs/engine/endings.py` applies it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from runs.domain.failures import Failure
from runs.domain.limits import CONDITION_TIMEOUT, DEADLINE, MAX_SECONDS

MAX_SYSTEM_FAILURES = 3  # consecutive; the fourth ends the action
TOO_MANY = "MaxSystemFailuresExceeded"
NOT_STARTED = "ExecutorNotStarted"
ABORTED_CHILD = "ActionAbortedError"  # of a parent that did not handle the abort of a child (law 9)


class How(StrEnum):
    """How an attempt ended. The value is stored as `Attempt.outcome`, unless it was asked to stop."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"  # it raised CancelledError, whether or not somebody asked it to stop
    INTERRUPTED = "interrupted"  # its executor was stopped in order, or gave it back
    LOST = "lost"  # its process died
    INNOCENT = "innocent"  # another action ended the process that they shared
    UNSTARTED = "not started"  # no executor could be started for it
    EXPIRED = "expired"  # a limit passed while nobody ran it


class Stop(Enum):
    """For what an attempt was asked to stop."""

    NOTHING = auto()
    ABORT = auto()
    LIMIT = auto()  # a limit of one attempt
    DEADLINE = auto()  # the limit of all attempts

    @classmethod
    def at_limit(cls, code: str) -> Stop:
        """That of an attempt which exceeded this limit."""
        return cls.DEADLINE if code in {DEADLINE, CONDITION_TIMEOUT} else cls.LIMIT


class Verdict(Enum):
    """What follows. RETRY is the next attempt, after the task's backoff; REQUEUE starts the same attempt again."""

    SUCCEED = auto()
    FAIL = auto()
    ABORT = auto()
    TIME_OUT = auto()
    RETRY = auto()
    REQUEUE = auto()


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, and what it left. reason: why it was interrupted or lost."""

    how: How
    failure: Failure | None = None
    output_uri: str = ""
    reason: str = ""

    @property
    def may_be_retried(self) -> bool:
        """A parent that failed because a child was aborted would wait for the same aborted child again."""
        return self.failure is not None and self.failure.recoverable and self.failure.code != ABORTED_CHILD


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the action stood when the attempt ended. system_failures: in a row, before this one."""

    stop: Stop
    attempt: int
    max_attempts: int
    system_failures: int

    @property
    def has_attempts(self) -> bool:
        return self.attempt < self.max_attempts

    @property
    def is_final(self) -> bool:
        """It was asked to stop, and no attempt will follow. After a limit that leaves a retry only the attempt stops."""
        return self.stop is not Stop.NOTHING and not (self.stop is Stop.LIMIT and self.has_attempts)


def decide(ending: Ending, standing: Standing) -> Verdict:  # noqa: PLR0911  (one line of the table each)
    """The table. What an attempt was asked to stop for counts more than what it returned or raised (law 4)."""
    match standing.stop, ending.how:
        case Stop.ABORT, _:
            return Verdict.ABORT
        case Stop.DEADLINE, _:
            return Verdict.TIME_OUT
        case Stop.LIMIT, _:
            return Verdict.RETRY if standing.has_attempts else Verdict.TIME_OUT
        case _, How.SUCCEEDED:
            return Verdict.SUCCEED
        case _, How.FAILED:
            return Verdict.RETRY if ending.may_be_retried and standing.has_attempts else Verdict.FAIL
        case _, How.CANCELLED:
            return Verdict.FAIL
        case _, How.EXPIRED:
            return Verdict.TIME_OUT
        case _, How.INTERRUPTED | How.INNOCENT:
            return Verdict.REQUEUE
        case _, How.LOST | How.UNSTARTED:
            return Verdict.REQUEUE if standing.system_failures < MAX_SYSTEM_FAILURES else Verdict.FAIL
    raise AssertionError((ending, standing))


def error_of(ending: Ending, standing: Standing) -> Failure:
    """The error of an action whose verdict is FAIL."""
    times = standing.system_failures + 1
    if ending.how is How.UNSTARTED:
        return Failure(NOT_STARTED, f"{ending.reason} (tried {times} times)", "system")
    if ending.how is How.LOST:
        message = f"lost {times} times in a row, the last time because {ending.reason}"
        return Failure(TOO_MANY, message, "system")
    if ending.failure is not None:
        return ending.failure
    if ending.how is How.CANCELLED:
        # User code raised CancelledError itself, or awaited a task that was cancelled.
        message = "the action raised asyncio.CancelledError although nobody asked to abort it"
        return Failure("CancelledError", message, "user")
    return Failure("UnknownError", "the executor reported a failure without an error", "system")


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a retry waits: base * factor ** n before the n-th one (from 0), at most cap (None: no cap)."""

    base_seconds: float = 0.0
    factor: float = 1.0
    cap_seconds: float | None = None

    def delay_seconds(self, attempt: int) -> float:
        """The wait after this attempt (from 1) has failed."""
        longest = MAX_SECONDS if self.cap_seconds is None else self.cap_seconds
        try:
            return min(longest, self.base_seconds * self.factor ** (attempt - 1))
        except OverflowError:
            return longest
