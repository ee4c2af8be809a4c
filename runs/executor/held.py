"""What an executor holds: an action under a lease, and the children that its code asked for.

`CURRENT` is how everything that shares this process (output, os.environ, tasks, children) tells actions apart.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from enum import Enum, auto
from typing import NamedTuple

from runs.executor.command import Command
from runs.executor.frames import AbortNote, ChildUpdate, Enqueue, Failure, Key, Lease, RunInfo


class Stage(Enum):
    """How far the attempt is, seen from here."""

    WAITING = auto()  # leased, no code of it has run
    RUNNING = auto()
    FINISHED = auto()  # its end is reported; it stays held until the server has acknowledged that
    GONE = auto()  # somebody else owns it, or its end is acknowledged: nothing is said about it any more


Waiter = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Ending(NamedTuple):
    """How an attempt ended; outcome as in `frames.Finished`."""

    outcome: str
    failure: Failure | None = None


class Child:
    """A child that code of this attempt asked for, or that ended in an earlier attempt."""

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
        self.ends_when_accepted = False  # a trace: it is over when the SDK tells of it
        self.update = update
        self.problem: tuple[str, str] | None = None  # the server's refusal: code and message
        self.waiters: list[Waiter] = []
        self.ticket = 0  # of its last Enqueue in the outbox
        self.enqueue: Enqueue | None = None  # kept until it is accepted: the server may ask to try later
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
    def is_asked_for(self) -> bool:
        return self.is_accepted or self.enqueue is not None


class Held:
    """One attempt of an action. Its lease is fixed; what happens to it stands beside."""

    __slots__ = (
        "__weakref__",
        "cancel",
        "children",
        "command",
        "has_begun",
        "is_closed",
        "is_forced",
        "is_function",
        "is_interrupted",
        "is_isolated",
        "is_watched",
        "lease",
        "partial_lines",
        "run",
        "spawned",
        "stage",
        "task",
    )

    def __init__(self, lease: Lease, run: RunInfo, command: Command | None = None) -> None:
        self.lease = lease
        self.run = run
        self.command = command  # known already when this process sent the spec
        self.stage = Stage.WAITING
        self.task: asyncio.Task[Ending | None] | None = None
        self.has_begun = False  # its code runs in this loop: until then a cancel reaches only ours
        self.is_function = False  # plain, so that an abort can interrupt it in the main thread of its process
        self.is_isolated = False  # a child process runs it, or will; for ever true once set
        self.spawned: set[asyncio.Future[object]] = set()  # what its code started and may leave behind
        self.cancel: AbortNote | None = None
        self.is_interrupted = False  # cancelled by an orderly stop, not by an abort
        self.is_watched = False  # the server asked to stop it, and `Escalation` sees to it
        self.is_forced = False  # ... without its grace periods
        self.is_closed = False  # its tasks were ended by force, so what they came to says nothing
        self.children: dict[str, Child] = {update.name: Child(update) for update in lease.children}
        self.partial_lines: dict[str, str] = {}

    @property
    def key(self) -> Key:
        return self.lease.key

    @property
    def may_speak(self) -> bool:
        """Whether its code still counts: what runs on after the end was reported must not start or abort children."""
        return self.stage in {Stage.WAITING, Stage.RUNNING}


CURRENT: ContextVar[Held | None] = ContextVar("flyteui-action", default=None)
