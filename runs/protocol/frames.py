"""Messages between an executor and the server: msgpack arrays inside binary WebSocket frames. Those of workers: worker_frames.py.

Pure. Both sides encode and decode with the functions at the end. Times are microseconds since the epoch (UTC).
An executor numbers its batches; the server applies each once, in one transaction, and acknowledges the number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from runs.domain.failures import Failure

PROTOCOL_VERSION = 1
# Exit codes of an executor that has ended in order. What it held then has not begun, or is interrupted: it runs again, uncharged.
STOPPED = 75  # while code on its loop did not let itself be interrupted
LEFT = 76  # with an end reported of all that it knew to be its own


def now_us() -> int:
    return time.time_ns() // 1000


class Key(msgspec.Struct, array_like=True, frozen=True, order=True):
    """An action: its run's database id, and its name in that run."""

    run: int
    name: str


class AbortNote(msgspec.Struct, array_like=True, frozen=True):
    """Who asked to stop, why, and what was aimed at (target is an action name; may be an ancestor)."""

    cause: str
    actor: str
    reason: str
    target: str
    requested_at: int


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
    """What all actions of a run share. started_from: RFC 3339 text of the run's start time; credential: what its code shows
    when it calls the server, "" where nobody has to show one.
    """

    run: int
    org: str
    project: str
    domain: str
    name: str
    base_uri: str
    raw_data_prefix: str
    started_from: str
    credential: str = ""


class SecretValue(msgspec.Struct, array_like=True, frozen=True):
    """A secret that the task of an action asks for. variable: the environment variable that holds it; "" for a file."""

    key: str
    variable: str
    value: bytes

    def __repr__(self) -> str:
        return f"SecretValue({self.key!r}, {self.variable!r}, …)"


class Lease(msgspec.Struct, array_like=True, frozen=True):
    """Permission to run one attempt of an action, until the server takes it back.

    spec: the serialised TaskSpec; empty when the executor sent it itself with the enqueue that is answered.
    output_uri: the directory of this attempt, no slash at the end. children: terminal children of earlier attempts.
    is_alone: an `async def`, too, gets a process and an event loop of its own.
    secrets: what the task asks for. problem: why it is to fail before any of its code runs.
    """

    key: Key
    epoch: int
    attempt: int
    input_uri: str
    output_uri: str
    spec: bytes = b""
    prev_checkpoint: str = ""
    children: list[ChildUpdate] = []
    is_alone: bool = False
    secrets: list[SecretValue] = []
    problem: Failure | None = None


# --- executor -> server ---------------------------------------------------------------------------------------------


class Held(msgspec.Struct, array_like=True, frozen=True):
    """An action that the executor holds when it connects."""

    key: Key
    epoch: int


class Hello(msgspec.Struct, tag="hello"):
    """First frame of an executor. epoch: 0 at the first connection, else that of the last Welcome."""

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
    """User code begins. is_isolated: in a child process, so that the loop of the executor does not matter to it."""

    key: Key
    epoch: int
    at: int
    is_isolated: bool = False


class Finished(msgspec.Struct, tag="finished", array_like=True):
    """The attempt has stopped.

    outcome: succeeded | failed | cancelled | interrupted (orderly stop) | lost (somebody killed its process).
    left_behind: which threads and processes its code had left when it returned or raised, and which were ended then.
    cpu_seconds: of its processes or, without peak_memory_bytes, for how long its steps had the event loop that it shares.
    peak_memory_bytes: 0 where several actions share a process.
    changed: what its code has changed of the process that it shared.
    blocked_seconds: of its longest step, where that was long and others waited; alone, others would have.
    has_died: its code has ended the process that it had for itself.
    """

    key: Key
    epoch: int
    at: int
    outcome: str
    failure: Failure | None = None
    left_behind: str = ""
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    changed: str = ""
    blocked_seconds: float = 0.0
    has_died: bool = False


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
    """What was asked to stop has not: the next step of law 6 is taken. step: a number of `Escalation`.

    stack: where it is stuck. next_at: when the following step comes; 0 when this is the last.
    is_held_up: it does not refuse; code of another action keeps the loop on which it would get its cancel.
    """

    key: Key
    epoch: int
    at: int
    step: int
    stack: str
    next_at: int
    is_held_up: bool = False


class GoesOn(msgspec.Struct, tag="goes_on", array_like=True):
    """The code of an action has ended, since, and something that it has started has not. what: a clause, "a thread in fit() goes on".

    stack: where that is. Sent again when another thing goes on.
    """

    key: Key
    epoch: int
    since: int
    what: str
    stack: str


class Using(msgspec.Struct, tag="using", array_like=True):
    """What attempts in processes of their own use now, where that has changed: (key, epoch, percent of a core, bytes of memory)."""

    samples: list[tuple[Key, int, int, int]]


class LogLines(msgspec.Struct, tag="log", array_like=True):
    """Lines of one attempt: (microseconds, stream out|err|log, text with its newline)."""

    key: Key
    attempt: int
    lines: list[tuple[int, str, str]]


class LoopState(msgspec.Struct, tag="loop", array_like=True):
    """The user loop stopped answering, or answers again. stack: where it is stuck.

    key and epoch: whose code keeps it, None where that is no action's; since: from when on.
    """

    responsive: bool
    at: int
    stack: str = ""
    key: Key | None = None
    epoch: int = 0
    since: int = 0


class Returned(msgspec.Struct, tag="returned", array_like=True):
    """A lease that has not started and that the executor gives back."""

    key: Key
    epoch: int


class Built(msgspec.Struct, tag="built", array_like=True):
    """The image that this action builds has an environment on the worker's disk; only executors of the builder send it.

    image: its name; environment: its digest; not_honoured: layers that only a container has, in words.
    """

    key: Key
    epoch: int
    image: str
    environment: str
    python: str
    flyte: str
    not_honoured: list[str] = []


Event = (
    Enqueue
    | Started
    | Finished
    | AbortChild
    | Delivered
    | Refusing
    | GoesOn
    | Using
    | LogLines
    | LoopState
    | Returned
    | Built
)


class Batch(msgspec.Struct, tag="batch"):
    """Events in the order in which they happened. seq grows by one; re-sent with the same seq after a reconnect."""

    seq: int
    events: list[Event]


class EncodedBatch(msgspec.Struct, tag="batch"):
    """A Batch of events that were encoded before, so that their sizes are known."""

    seq: int
    events: list[msgspec.Raw]


# --- server -> executor ---------------------------------------------------------------------------------------------


class Welcome(msgspec.Struct, tag="welcome"):
    """Answer to Hello. kill: what the executor holds but no longer owns. acked: the last batch that was applied.

    lease_seconds: after so long without an acknowledged batch, its work is given to another executor.
    max_frame_bytes: the longest frame that the server takes.
    """

    epoch: int
    acked: int
    kill: list[Key] = []
    grace_seconds: float = 30.0
    idle_seconds: float = 300.0
    lease_seconds: float = 600.0
    max_frame_bytes: int = 1024 * 1024


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
    """Actions to run. runs: facts of the runs that were not sent over this connection yet."""

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


FromExecutor = Hello | Batch
ToExecutor = Welcome | Ack | Leases | Cancels | Children | Drain

encode = msgspec.msgpack.Encoder().encode


def make_decoder(kinds: Any) -> Callable[[bytes], Any]:
    """A function that decodes frames of these kinds, and raises msgspec.DecodeError for what is none of them."""
    decoder = msgspec.msgpack.Decoder(kinds)

    def decode(data: bytes) -> Any:
        try:
            return decoder.decode(data)
        except RecursionError as error:
            raise msgspec.DecodeError("it is nested too deep") from error
        except UnicodeDecodeError as error:
            raise msgspec.DecodeError(f"a text in it is not UTF-8: {error}") from error

    return decode


decode_from_executor: Callable[[bytes], FromExecutor] = make_decoder(FromExecutor)
decode_to_executor: Callable[[bytes], ToExecutor] = make_decoder(ToExecutor)


def encode_batch(seq: int, events: Iterable[bytes]) -> bytes:
    """A Batch of these encoded events."""
    return encode(EncodedBatch(seq, [msgspec.Raw(event) for event in events]))
