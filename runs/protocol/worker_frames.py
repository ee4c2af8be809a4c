"""Messages between a worker and the server, encoded as those of executors, by the same function (frames.py). Pure."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from runs.domain.failures import Failure
from runs.protocol.frames import PROTOCOL_VERSION, Key, LoopState, make_decoder

UNSEEN = 255  # the code of an end that nobody saw
CANNOT_START = 71  # and of an executor for which no process could be started
UNUSABLE = 72  # the same, as long as nobody repairs its Python environment


class WorkerHello(msgspec.Struct, tag="worker_hello"):
    """First frame of a worker. running: executors that it started, or is about to start, and that still run."""

    name: str
    host: str
    pid: int
    running: list[str] = []
    version: int = PROTOCOL_VERSION


class WorkerLeaving(msgspec.Struct, tag="worker_leaving"):
    """It is being stopped, and so is what it has started or is about to start. A Launch from now on is answered with Exited."""


class SlowPool(msgspec.Struct, tag="slow_pool"):
    """Executors of this pool start slower than others, for this reason. Sent over each connection."""

    pool: str
    reason: str


class StoredEnvironment(msgspec.Struct, array_like=True, frozen=True):
    """A Python environment on the worker's disk."""

    digest: str
    bytes: int


class Environments(msgspec.Struct, tag="environments"):
    """All that the worker has. Sent over each connection, and when that changes."""

    stored: list[StoredEnvironment]


class Launch(msgspec.Struct, tag="launch"):
    """Start an executor for a pool. env: variables of the user's environment; processes: of isolated attempts, at a time;
    is_reserve: it is for a run to come, so it may take its time; storage_url: the storage of the server, outside of which an
    executor takes neither code nor inputs; token: what it shows when it connects, and no other executor; environment: the digest
    of the Python environment in which it runs, "" for the worker's own.
    """

    executor: str
    pool: str
    bundle_uri: str
    env: dict[str, str]
    capacity: int
    processes: int
    idle_seconds: float
    is_reserve: bool = False
    storage_url: str = ""
    token: str = ""
    environment: str = ""


class StopExecutor(msgspec.Struct, tag="stop"):
    """End an executor: SIGTERM, and SIGKILL after that many seconds. Answered by Exited when all of it is gone."""

    executor: str
    kill_after_seconds: float
    reason: str = ""


class ExitKnown(msgspec.Struct, tag="exit_known"):
    """The answer to Exited: the end of this executor is written down."""

    executor: str


class Culprit(msgspec.Struct, array_like=True, frozen=True):
    """The action whose code ended the process that it shared. failure: how, with its last stack."""

    key: Key
    epoch: int
    failure: Failure


class Exited(msgspec.Struct, tag="exited"):
    """An executor process has ended. code: its exit code, minus the signal's number, or UNSEEN.

    culprit: None when no action did that, or nobody knows which.
    """

    executor: str
    code: int
    message: str = ""
    culprit: Culprit | None = None


class Silence(msgspec.Struct, tag="silence"):
    """What an executor cannot report itself, because native code in it keeps Python's lock; or that it can again.

    stack: empty where the action that has the lock is not the one that has the event loop.
    """

    executor: str
    state: LoopState


FromWorker = WorkerHello | WorkerLeaving | SlowPool | Environments | Exited | Silence
ToWorker = Launch | StopExecutor | ExitKnown

decode_from_worker: Callable[[bytes], FromWorker] = make_decoder(FromWorker)
decode_to_worker: Callable[[bytes], ToWorker] = make_decoder(ToWorker)
