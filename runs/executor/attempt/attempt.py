"""An attempt of an action under a lease, and the child actions that its code has enqueued.

`CURRENT` is the attempt in whose context code runs: output, os.environ, tasks and children are attributed by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from runs.domain.failures import Failure
from runs.executor.attempt.command import Command
from runs.executor.attempt.owned import Owned
from runs.executor.attempt.record import pack_holder
from runs.executor.attempt.secrets import ActionSecrets
from runs.executor.attempt.state import Lifecycle
from runs.executor.attempt.working_folder import WorkingFolder
from runs.protocol.frames import ChildUpdate, Enqueue, Key, Lease, RunInfo

PutBack = Callable[[], bool]  # returns whether there was something to put back
Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Ending(NamedTuple):
    """How an attempt ended; outcome as in `frames.Finished`. has_died: its code has ended its own process."""

    outcome: str
    failure: Failure | None = None
    has_died: bool = False


class Usage(NamedTuple):
    """What an attempt has used, as far as it was measured; 0 where not."""

    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0


class Child:
    """A child action that code of this attempt has enqueued, or that ended in an earlier attempt."""

    __slots__ = (
        "command",
        "ends_when_accepted",
        "enqueue",
        "is_accepted",
        "problem",
        "refusals",
        "ticket",
        "update",
        "waiters",
    )

    def __init__(self, update: ChildUpdate | None = None) -> None:
        self.ends_when_accepted = False  # a trace: it has ended before the SDK enqueues it
        self.update = update
        self.problem: tuple[str, str] | None = None  # the server's refusal: code and message
        self.waiters: list[Waiter] = []
        self.ticket = 0  # of its last Enqueue in the outbox
        self.enqueue: Enqueue | None = (
            None  # kept until it is accepted, because the server may be busy and want it later
        )
        self.is_accepted = False
        self.command: Command | None = None
        self.refusals = 0

    @property
    def is_settled(self) -> bool:
        return (
            self.update is not None
            or self.problem is not None
            or (self.ends_when_accepted and self.is_accepted)
        )

    @property
    def is_enqueued(self) -> bool:
        return self.is_accepted or self.enqueue is not None


class Attempt(Lifecycle):
    """One attempt, for as long as this process holds its lease or the server has not acknowledged its end."""

    __slots__ = (
        "__weakref__",
        "begun_ns",
        "blocked_ns",
        "changes",
        "children",
        "command",
        "folder",
        "holder",
        "is_function",
        "lease",
        "left_behind",
        "own_folder",
        "owned",
        "partial_lines",
        "processor_ns",
        "run",
        "secrets",
        "spawned",
        "task",
        "usage",
    )

    def __init__(self, lease: Lease, run: RunInfo, command: Command | None = None) -> None:
        super().__init__()
        self.lease = lease
        self.run = run
        self.secrets = ActionSecrets(lease) if lease.secrets else None
        self.command = command  # known already when this process sent the spec
        # Of an isolated one: a plain function, which an abort interrupts in the main thread of its child process; else that
        # thread runs an event loop, and an abort cancels the asyncio task.
        self.is_function = False
        self.task: asyncio.Task[Ending | None] | None = None
        self.spawned: set[asyncio.Future[object]] = set()  # what its code started and may leave behind
        self.owned: Owned | None = None  # set with the first thread or process that its code starts
        self.children: dict[str, Child] = {update.name: Child(update) for update in lease.children}
        self.partial_lines: dict[str, str] = {}
        self.folder = ""  # its current one; empty: that of its bundle
        self.own_folder: WorkingFolder | None = None
        self.holder = pack_holder(lease.key, lease.epoch)
        self.begun_ns = 0  # when its code began on the user's loop, of the monotonic clock
        self.processor_ns = 0  # how long its code had the processor on the user's loop
        self.blocked_ns = 0  # for how long at a time, where that held up others (long_steps.py)
        self.usage = Usage()
        self.left_behind = ""  # what was ended with it in a process of its own
        self.changes: dict[str, PutBack | None] = {}  # of the process that it shares

    def note_change(self, what: str, put_back: PutBack | None = None) -> None:
        """Its code has changed this of the process that it shares. Of repeated changes the first counts."""
        self.changes.setdefault(what, put_back)

    def put_back_changes(self) -> list[str]:
        """Put back what can be; returns what its code has not put back itself."""
        return sorted(what for what, put_back in self.changes.items() if put_back is None or put_back())

    @property
    def key(self) -> Key:
        return self.lease.key

    def mask(self, text: str) -> str:
        """The text without the values of its secrets."""
        return self.secrets.masker.mask(text) if self.secrets is not None else text

    def remove_secret_files(self) -> None:
        """Its code has ended, or is about to. Idempotent."""
        if self.secrets is not None:
            self.secrets.remove_files()

    def open_tasks(self) -> list[asyncio.Task[Any]]:
        """Those that have not ended: its own, and those that its code has started beside it."""
        spawned = [task for task in self.spawned if isinstance(task, asyncio.Task)]
        own = [self.task] if self.task is not None else []
        return [task for task in (*own, *spawned) if not task.done()]


CURRENT: ContextVar[Attempt | None] = ContextVar("flyteui-action", default=None)
