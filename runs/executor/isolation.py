"""Actions in child processes of their own: what asyncio cannot cancel. Decides when they start, stop and how they ended.

All of it runs on the link's loop, so that a user loop that is blocked holds up no abort. A process that waits for
children gives its slot back, so any depth of nesting gets on with one.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Protocol

from runs.executor import failures
from runs.executor.command import render_command
from runs.executor.crashes import describe_crash, was_killed
from runs.executor.demands import Demand
from runs.executor.environ import variables_of
from runs.executor.forker import Forker
from runs.executor.forks import STACK_SIGNAL, Began, Ended, Refused, Reply, Signalled, Start
from runs.executor.frames import AbortNote, Delivered, Failure, Refusing, Started, now_us
from runs.executor.held import Ending, Held, Stage
from runs.executor.memory import count_memory_kills
from runs.executor.outbox import Outbox
from runs.executor.output import Output
from runs.executor.pipes import ASK, GIVE, TOLD, Pipes
from runs.phases import Escalation

STOP_SECONDS = 1.0  # between CancelledError and SIGKILL in an orderly stop of the executor
SHUTDOWN = "shutdown"  # the reason that a task gets then


class Finish(Protocol):
    def __call__(self, held: Held, ending: Ending) -> None: ...


class Isolation:
    """The isolated actions of this executor. Call everything on the link's thread."""

    def __init__(
        self,
        forker: Forker,
        outbox: Outbox,
        output: Output,
        *,
        variables: Mapping[str, str],
        finish: Finish,
        limit: int | None = None,
    ) -> None:
        self.forker = forker
        self._outbox = outbox
        self.output = output
        self._variables = variables
        self._finish = finish
        self._free = limit or os.cpu_count() or 1
        self._waiting: deque[Held] = deque()
        self._asking: deque[_Child] = deque()  # have waited for children, and want to go on
        self._children: dict[int, _Child] = {}
        self._last = 0
        self._concluding: set[asyncio.Task[None]] = set()
        self.grace_seconds = 30.0

    def open(self) -> None:
        self.forker.open(self)

    def start(self, held: Held) -> None:
        """Run the attempt as soon as there is a slot."""
        if held.cancel is not None or held.is_interrupted:  # on its way here
            self._finish(held, Ending("cancelled"))
        elif held.stage is not Stage.GONE:
            self._waiting.append(held)
            self._fill()

    def cancel(self, held: Held, note: AbortNote, *, is_forced: bool = False) -> None:
        """An abort. What has not begun never does; what runs gets CancelledError, once, and after the grace period it is
        ended. is_forced: it is ended at once; that may follow an abort which was not.
        """
        if not held.may_speak:
            return
        is_first, held.cancel = held.cancel is None, held.cancel or note
        child = self._find(held)
        if child is None:
            self._drop(held)
        elif is_forced:
            child.demand.kill()
        elif is_first:
            child.demand.ask(note.reason or note.cause, self.grace_seconds)

    def stop(self) -> None:
        """The executor is to end: interrupt everything."""
        for held in [*self._waiting, *(child.held for child in self._children.values())]:
            held.is_interrupted = True
            if (child := self._find(held)) is not None:
                child.demand.ask_briefly(SHUTDOWN, STOP_SECONDS)
            else:
                self._drop(held)

    def _drop(self, held: Held) -> None:
        if held in self._waiting:
            self._waiting.remove(held)
            self._finish(held, Ending("cancelled"))

    def kill(self, held: Held) -> None:
        """The lease is lost: end it at once, and say nothing."""
        if (child := self._find(held)) is not None:
            child.demand.kill()
        elif held in self._waiting:
            self._waiting.remove(held)

    def _find(self, held: Held) -> _Child | None:
        return next((child for child in self._children.values() if child.held is held), None)

    # Slots.

    def _fill(self) -> None:
        """Give out the free slots: first to those that have begun, whose parents wait the longest."""
        while self._free > 0 and (self._asking or self._waiting):
            self._free -= 1
            if self._asking:
                child = self._asking.popleft()
                child.has_slot = True
                child.pipes.grant()
            else:
                self._begin(self._waiting.popleft())

    def give(self, child: _Child) -> None:
        """The process waits."""
        if child.has_slot:
            child.has_slot = False
            self._free += 1
            self._fill()
        elif child in self._asking:
            self._asking.remove(child)
            child.pipes.grant()  # every question has one answer

    def ask(self, child: _Child) -> None:
        """The process does not wait any more."""
        self._asking.append(child)
        self._fill()

    # Processes.

    def _begin(self, held: Held) -> None:
        assert held.command is not None
        self._last += 1
        child = self._children[self._last] = _Child(self._last, held, self)
        args = render_command(held.command, held.lease, held.run)
        env = {**self._variables, **{name: value for name, value in variables_of(held).items() if value}}
        theirs = child.pipes.open()
        try:
            self.forker.start(Start(child.number, args, str(Path.cwd()), env, held.is_function), theirs)
        finally:
            for fd in theirs:
                os.close(fd)

    def heard(self, reply: Reply) -> None:
        child = self._children[reply.id]
        match reply:
            case Began(at=at):
                if child.held.may_speak:
                    self._outbox.put(Started(key=child.held.key, epoch=child.held.lease.epoch, at=at))
            case Signalled(number=number, at=at):
                if number != STACK_SIGNAL:
                    self.delivered(child, at)
            case Ended(code=code):
                has_memory = count_memory_kills() == child.memory_kills
                self._gone(child, ending_of(child.held, code, has_memory=has_memory))
            case Refused(reason=reason):
                self._gone(child, ending_of_refused(reason))

    def delivered(self, child: _Child, at: int) -> None:
        """The code has got its CancelledError; or, when that could not be raised, its process a signal."""
        held = child.held
        if held.cancel is not None and held.may_speak and not child.is_told:
            child.is_told = True
            self._outbox.put(Delivered(key=held.key, epoch=held.lease.epoch, at=at))

    def refuses(self, child: _Child, step: Escalation, stack: str, next_at: int) -> None:
        held = child.held
        if held.cancel is not None and held.may_speak:
            self._outbox.put(Refusing(held.key, held.lease.epoch, now_us(), step, stack, next_at))

    def _gone(self, child: _Child, conclusion: Coroutine[Any, Any, Ending]) -> None:
        """The process has ended, and so has all that it had started."""
        del self._children[child.number]
        child.close()
        if child in self._asking:
            self._asking.remove(child)
        if child.has_slot:
            self._free += 1
        task = asyncio.get_running_loop().create_task(self._conclude(child.held, conclusion))
        self._concluding.add(task)
        task.add_done_callback(self._concluding.discard)
        self._fill()

    async def _conclude(self, held: Held, conclusion: Coroutine[Any, Any, Ending]) -> None:
        try:
            ending = await conclusion
        except Exception as problem:  # storage is down
            failure = Failure(
                "OutputsUnreadable", f"{held.lease.output_uri}: {problem!r}", "system", recoverable=True
            )
            ending = Ending("failed", failure)
        self._finish(held, ending)


async def ending_of(held: Held, code: int, *, has_memory: bool) -> Ending:
    """How the attempt ended: what it left in storage, and for a process that had no time to leave anything, its code."""
    if code and (held.cancel is not None or held.is_interrupted):
        return Ending("cancelled")
    failure = await failures.read_failure(held.lease.output_uri)
    if code and (failure is None or failure.code == failures.NO_OUTPUTS):
        failure = describe_crash(code, has_memory=has_memory)
        return Ending("lost" if was_killed(failure) else "failed", failure)
    return Ending("failed", failure) if failure else Ending("succeeded")


async def ending_of_refused(reason: str) -> Ending:
    message = f"No process can be started for the task: {reason}."
    return Ending("failed", Failure("CannotStartProcess", message, "system", recoverable=True))


class _Child:
    """A process that runs, or is about to. It is its demand's target."""

    def __init__(self, number: int, held: Held, owner: Isolation) -> None:
        self.number = number
        self.held = held
        self.has_slot = True
        self.is_told = False
        self.memory_kills = count_memory_kills()
        self.pipes = Pipes(self._write, self._said)
        self.demand = Demand(self)
        self._owner = owner

    def close(self) -> None:
        self.demand.drop()
        self.pipes.close()

    def _write(self, stream: str, text: str) -> None:
        self._owner.output.write(self.held, stream, text)

    def _said(self, byte: bytes) -> None:
        if byte == GIVE:
            self._owner.give(self)
        elif byte == ASK:
            self._owner.ask(self)
        elif byte == TOLD:
            self._owner.delivered(self, now_us())

    # The demand's `Target`.

    def cancel(self, reason: str) -> None:
        self.pipes.cancel(reason)

    def signal(self, number: int) -> None:
        self._owner.forker.signal(self.number, number)

    def stack(self) -> str:
        return self.pipes.stack()

    def refuses(self, step: Escalation, stack: str, next_at: int) -> None:
        self._owner.refuses(self, step, stack, next_at)
