"""Messages between an executor or a worker and the server: msgpack arrays inside binary WebSocket frames.

Pure. Both sides encode and decode with the functions at the end. Times are microseconds since the epoch (UTC).
An executor numbers its batches; the server applies each once, in one transaction, and acknowledges the number.
"""

from __future__ import annotations

import time

import msgspec

PROTOCOL_VERSION = 1
# Exit code of an executor that was stopped in order while code on its loop did not let itself be interrupted.
STOPPED = 75


def now_us() -> int:
    return time.time_ns() // 1000


class Key(msgspec.Struct, array_like=True, frozen=True, order=True):
    """An action: its run's database id, and its name in that run."""

    run: int
    name: str


class Failure(msgspec.Struct, array_like=True, frozen=True):
    """An error as Flyte says it. kind: user | system | unknown."""

    code: str
    message: str
    kind: str = "user"
    recoverable: bool = False


class AbortNote(msgspec.Struct, array_like=True, frozen=True):
    """Who asked to stop, why, and what was aimed at (target is an action name; may be an ancestor)."""

    cause: str
    actor: str
    reason: str
    target: str
    requested_at: int


def abort_text(action: str, note: AbortNote) -> str:
    """The message of the error that an aborted action raises in its parent, wherever the parent runs."""
    return f"Action {action} was aborted by {note.actor}: {note.reason} ({note.cause})"


def parse_abort_text(action: str, text: str, *, requested_at: int) -> AbortNote | None:
    """The facts in `abort_text`, for a parent that hears no more than an error's message; None for any other text."""
    before, by, rest = text.partition(" was aborted by ")
    actor, colon, rest = rest.partition(": ")
    reason, bracket, cause = rest.rpartition(" (")
    if before != f"Action {action}" or not (by and colon and bracket and cause.endswith(")")):
        return None
    return AbortNote(cause[:-1], actor, reason, target="", requested_at=requested_at)


class ChildUpdate(msgspec.Struct, array_like=True, frozen=True):
    """The latest state of a child, for its parent. phase: Flyte's number. value: a serialised Literal (conditions)."""

    run: int
    parent: str
    name: str
    phase: int
    output_uri: str = ""
    failure: Failure | None = None
    abort: AbortNote | None = None
    value: bytes = b""


class RunInfo(msgspec.Struct, array_like=True, frozen=True):
    """What all actions of a run share. started_from: RFC 3339 text of the run's start time."""

    run: int
    org: str
    project: str
    domain: str
    name: str
    base_uri: str
    raw_data_prefix: str
    started_from: str


class Lease(msgspec.Struct, array_like=True, frozen=True):
    """Permission to run one attempt of an action, until the server says otherwise.

    spec: the serialised TaskSpec; empty when the executor sent it itself with the enqueue that is answered.
    output_uri: the directory of this attempt, no slash at the end. children: terminal children of earlier attempts.
    """

    key: Key
    epoch: int
    attempt: int
    input_uri: str
    output_uri: str
    spec: bytes = b""
    prev_checkpoint: str = ""
    children: list[ChildUpdate] = []


# --- executor -> server ---------------------------------------------------------------------------------------------


class Held(msgspec.Struct, array_like=True, frozen=True):
    """An action that the executor holds when it connects."""

    key: Key
    epoch: int


class Hello(msgspec.Struct, tag="hello"):
    """First frame of an executor. epoch: 0 at the first connection, else what Welcome said last."""

    token: str
    executor: str
    pool: str
    epoch: int
    host: str
    pid: int
    capacity: int
    held: list[Held] = []
    version: int = PROTOCOL_VERSION


class Enqueue(msgspec.Struct, tag="enqueue", array_like=True):
    """A parent asks for a child. action: a serialised flyteidl2.actions.Action. Answered in Ack.results.

    failure: of a trace that failed, for which the message has no place.
    """

    run: int
    parent: str
    action: bytes
    failure: Failure | None = None


class Started(msgspec.Struct, tag="started", array_like=True):
    """User code begins."""

    key: Key
    epoch: int
    at: int


class Finished(msgspec.Struct, tag="finished", array_like=True):
    """The attempt has stopped.

    outcome: succeeded | failed | cancelled | interrupted (orderly stop) | lost (somebody killed its process).
    """

    key: Key
    epoch: int
    at: int
    outcome: str
    failure: Failure | None = None


class AbortChild(msgspec.Struct, tag="abort_child", array_like=True):
    """Code of the parent cancelled the asyncio task that awaits this child."""

    key: Key
    parent: str
    at: int


class Delivered(msgspec.Struct, tag="delivered", array_like=True):
    """The cancel reached the asyncio task."""

    key: Key
    epoch: int
    at: int


class Refusing(msgspec.Struct, tag="refusing", array_like=True):
    """What was told to stop has not: the next step of law 6 is taken. step: a number of `Escalation`.

    stack: where it is stuck. next_at: when the following step comes; 0 when this is the last.
    """

    key: Key
    epoch: int
    at: int
    step: int
    stack: str
    next_at: int


class LogLines(msgspec.Struct, tag="log", array_like=True):
    """Lines of one attempt: (microseconds, stream out|err|log, text with its newline)."""

    key: Key
    attempt: int
    lines: list[tuple[int, str, str]]


class LoopState(msgspec.Struct, tag="loop", array_like=True):
    """The user loop stopped answering, or answers again. stack: where it is stuck."""

    responsive: bool
    at: int
    stack: str = ""


class Returned(msgspec.Struct, tag="returned", array_like=True):
    """A lease that has not started and that the executor gives back."""

    key: Key
    epoch: int


Event = Enqueue | Started | Finished | AbortChild | Delivered | Refusing | LogLines | LoopState | Returned


class Batch(msgspec.Struct, tag="batch"):
    """Events in the order in which they happened. seq grows by one; re-sent with the same seq after a reconnect."""

    seq: int
    events: list[Event]


# --- server -> executor ---------------------------------------------------------------------------------------------


class Welcome(msgspec.Struct, tag="welcome"):
    """Answer to Hello. kill: what the executor holds but no longer owns. acked: the last batch that was applied.

    lease_seconds: after so long without a word from the server, its work is given to another executor.
    """

    epoch: int
    acked: int
    kill: list[Key] = []
    grace_seconds: float = 30.0
    idle_seconds: float = 300.0
    lease_seconds: float = 600.0


class EnqueueResult(msgspec.Struct, array_like=True, frozen=True):
    """Answer to the Enqueue at this index of the batch. code: ok | already_exists | aborted | not_found |
    invalid_argument | resource_exhausted. lease: set when the child is to run here (the fast path).
    """

    index: int
    code: str
    message: str = ""
    lease: Lease | None = None


class Ack(msgspec.Struct, tag="ack"):
    """The batch is committed."""

    seq: int
    results: list[EnqueueResult] = []


class Leases(msgspec.Struct, tag="leases"):
    """Actions to run. runs: facts of the runs that this connection has not been told of."""

    runs: list[RunInfo]
    leases: list[Lease]


class Cancel(msgspec.Struct, array_like=True, frozen=True):
    """Cancel the action's asyncio task, once. is_forced: without waiting for its grace periods; may follow later."""

    key: Key
    epoch: int
    note: AbortNote
    is_forced: bool = False


class Cancels(msgspec.Struct, tag="cancels"):
    """Actions to cancel; those of one abort come in one frame."""

    cancels: list[Cancel]


class Children(msgspec.Struct, tag="children"):
    """Updates for parents that this executor holds."""

    updates: list[ChildUpdate]


class Drain(msgspec.Struct, tag="drain"):
    """Take no new leases; exit when idle."""

    reason: str = ""


# --- worker <-> server ----------------------------------------------------------------------------------------------


UNSEEN = 255  # the code of an end that nobody saw


class WorkerHello(msgspec.Struct, tag="worker_hello"):
    """First frame of a worker. running: executors that it started, or is about to start, and that still run."""

    token: str
    name: str
    host: str
    pid: int
    running: list[str] = []
    version: int = PROTOCOL_VERSION


class WorkerLeaving(msgspec.Struct, tag="worker_leaving"):
    """It is being stopped, and so is what it has started or is about to start. A Launch from now on is answered with Exited."""


class Launch(msgspec.Struct, tag="launch"):
    """Start an executor for a pool. home: a folder for bundles; env: variables of the user's environment."""

    executor: str
    pool: str
    bundle_uri: str
    env: dict[str, str]
    capacity: int
    idle_seconds: float


class StopExecutor(msgspec.Struct, tag="stop"):
    """End an executor: SIGTERM, and SIGKILL after that many seconds. Answered by Exited when all of it is gone."""

    executor: str
    kill_after_seconds: float
    reason: str = ""


class ExitKnown(msgspec.Struct, tag="exit_known"):
    """The answer to Exited: the end of this executor is written down."""

    executor: str


class Exited(msgspec.Struct, tag="exited"):
    """An executor process has ended. code: its exit code, minus the signal's number, or UNSEEN."""

    executor: str
    code: int
    message: str = ""


FromExecutor = Hello | Batch
ToExecutor = Welcome | Ack | Leases | Cancels | Children | Drain
FromWorker = WorkerHello | WorkerLeaving | Exited
ToWorker = Launch | StopExecutor | ExitKnown

_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
decode_from_executor = msgspec.msgpack.Decoder(FromExecutor).decode
decode_to_executor = msgspec.msgpack.Decoder(ToExecutor).decode
decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode
decode_to_worker = msgspec.msgpack.Decoder(ToWorker).decode
