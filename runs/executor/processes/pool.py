"""The pool of child processes, one for each isolated action. Decides when they start and stop, and how they ended.

All of it runs on the link's loop, so that a blocked user loop delays no abort. A process that waits for child actions
releases its slot, so any depth of nesting proceeds with one slot.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from runs.domain.failures import Failure
from runs.domain.phases import Escalation
from runs.executor.attempt.attempt import Attempt, Ending, Usage
from runs.executor.attempt.command import render_command
from runs.executor.attempt.environ import variables_of
from runs.executor.attempt.output import Output
from runs.executor.attempt.owned import SHOWN_AFTER_SECONDS
from runs.executor.attempt.state import State
from runs.executor.attempt.working_folder import WorkingFolders
from runs.executor.flyte import failures
from runs.executor.flyte.stored import mask_stored
from runs.executor.link.outbox import Outbox
from runs.executor.processes.exits import (
    OUT_OF_MEMORY,
    count_memory_kills,
    describe_crash,
    describe_excess,
    is_own_fault,
    was_killed,
)
from runs.executor.processes.forker import Forker
from runs.executor.processes.pipes import ACQUIRE, BLOCKED, DELIVERED, GOES_ON, LEFT_BEHIND, RELEASE, Pipes
from runs.executor.processes.protocol import (
    STACK_SIGNAL,
    Began,
    Ended,
    Refused,
    Reply,
    Signalled,
    Start,
)
from runs.executor.processes.slots import Slots
from runs.executor.processes.stopping import StopSequence
from runs.executor.processes.usage.memory import MemoryWatch
from runs.executor.processes.usage.meter import Meter
from runs.protocol.frames import AbortNote, Delivered, GoesOn, Refusing, Started, now_us

STOP_SECONDS = 1.0  # between CancelledError and SIGKILL in an orderly stop of the executor
TERMINATED_SECONDS = 5.0  # between SIGTERM and SIGKILL
SHUTDOWN = "shutdown"  # the reason that a task gets then


class Finish(Protocol):
    def __call__(self, attempt: Attempt, ending: Ending) -> None: ...


class ProcessPool:
    """Call everything on the link's thread."""

    def __init__(
        self,
        forker: Forker,
        outbox: Outbox,
        output: Output,
        *,
        variables: Mapping[str, str],
        finish: Finish,
        processes: int,
    ) -> None:
        self.folders: WorkingFolders | None = None  # before the first attempt begins
        self.forker = forker
        self._outbox = outbox
        self.output = output
        self._variables = variables
        self._finish = finish
        # Attempts that have not begun, and processes that have waited for child actions and need a slot to go on.
        self._slots: Slots[Attempt | _ChildProcess] = Slots(processes, os.cpu_count() or 1)
        self._children: dict[int, _ChildProcess] = {}
        self._memory = MemoryWatch()
        self._meter = Meter(outbox)
        self._last = 0
        self._concluding: set[asyncio.Task[None]] = set()
        self.grace_seconds = 30.0

    def open(self) -> None:
        self.forker.open(self)

    def start(self, attempt: Attempt) -> None:
        """Run the attempt as soon as there is a slot."""
        if attempt.is_stopping:  # requested since the attempt was handed over
            self._finish(attempt, Ending("cancelled"))
        elif attempt.state is not State.GONE:
            self._slots.join(attempt, cores_of(attempt))
            self._fill()

    def cancel(self, attempt: Attempt, note: AbortNote, *, is_forced: bool = False) -> None:
        """Abort. What waits for a slot never starts; what runs gets CancelledError, once, and is ended after the grace period.

        is_forced: kill it at once, also after an abort that was not forced.
        """
        if not attempt.is_active:
            return
        is_first = attempt.request_abort(note)
        child = self._find(attempt)
        if child is None:
            self._remove(attempt)
        elif is_forced:
            child.stop_sequence.kill()
        elif is_first:
            child.stop_sequence.request(note.reason or note.cause, self.grace_seconds)

    def stop(self) -> None:
        """The executor stops in order: interrupt everything."""
        waiting = [one for one in self._slots.waiting() if isinstance(one, Attempt)]
        for attempt in [*waiting, *(child.attempt for child in self._children.values())]:
            attempt.request_shutdown()
            if (child := self._find(attempt)) is not None:
                child.stop_sequence.request_within(SHUTDOWN, STOP_SECONDS)
            else:
                self._remove(attempt)

    def _remove(self, attempt: Attempt) -> None:
        if self._slots.leave(attempt):
            self._finish(attempt, Ending("cancelled"))

    def kill(self, attempt: Attempt) -> None:
        """The lease is lost: kill the process and report nothing."""
        if (child := self._find(attempt)) is not None:
            child.stop_sequence.kill()
        else:
            self._slots.leave(attempt)

    def _find(self, attempt: Attempt) -> _ChildProcess | None:
        return next((child for child in self._children.values() if child.attempt is attempt), None)

    # Slots.

    def _fill(self) -> None:
        """Hand out the free slots."""
        while (one := self._slots.take()) is not None:
            if isinstance(one, _ChildProcess):
                one.has_slot = True
                one.pipes.grant()
            else:
                self._begin(one)

    def release(self, child: _ChildProcess) -> None:
        """The process waits for child actions."""
        if child.has_slot:
            child.has_slot = False
            self._slots.give_back(child.cores)
            self._fill()
        elif self._slots.leave(child):
            child.pipes.grant()  # each ACQUIRE gets exactly one GRANT

    def acquire(self, child: _ChildProcess) -> None:
        """The process has stopped waiting and needs a slot to go on."""
        self._slots.join(child, child.cores, has_begun=True)
        self._fill()

    # Processes.

    def _begin(self, attempt: Attempt) -> None:
        assert attempt.command is not None
        assert self.folders is not None
        self._last += 1
        child = self._children[self._last] = _ChildProcess(self._last, attempt, self)
        args = render_command(attempt.command, attempt.lease, attempt.run)
        bundle, folder = str(self.folders.bundle), str(self.folders.path_of(attempt.lease))
        env = {**self._variables, **{name: value for name, value in variables_of(attempt).items() if value}}
        theirs = child.pipes.open()
        try:
            start = Start(child.number, args, bundle, folder, env, attempt.is_function, self.grace_seconds)
            if attempt.secrets is not None:
                start.secrets = attempt.secrets.values
            self.forker.start(start, theirs)
        finally:
            for fd in theirs:
                os.close(fd)

    def handle(self, reply: Reply) -> None:
        child = self._children[reply.id]
        match reply:
            case Began(pid=pid, at=at):
                child.pid = pid
                self._meter.add(pid, child.attempt)
                if limit := memory_of(child.attempt):
                    self._memory.add(pid, limit, child.exceed)
                if child.attempt.is_active:
                    key, epoch = child.attempt.key, child.attempt.lease.epoch
                    self._outbox.put(Started(key=key, epoch=epoch, at=at, is_isolated=True))
            case Signalled(number=number, at=at):
                if number != STACK_SIGNAL:
                    self.report_delivery(child, at)
            case Ended(code=code):
                child.attempt.usage = Usage(reply.cpu_seconds, reply.peak_memory_bytes)
                self._end(child, ending_of(child.attempt, code, child.find_oom()))
            case Refused(reason=reason):
                self._end(child, ending_of_refused(reason))

    def has_manners(self, attempt: Attempt) -> bool:
        """Whether it could share a process: what has one of its own whatever it does, such as a function, has no use for manners."""
        return not attempt.is_function and self.forker.entry_point is None

    def report_delivery(self, child: _ChildProcess, at: int) -> None:
        """Report that the code got its CancelledError, or that its process got a signal, where none could be raised."""
        attempt = child.attempt
        if attempt.abort is not None and attempt.is_active and not child.is_delivered:
            child.is_delivered = True
            self._outbox.put(Delivered(key=attempt.key, epoch=attempt.lease.epoch, at=at))

    def report_goes_on(self, child: _ChildProcess, what: str, stack: str) -> None:
        """Report what its end waits for. It has waited for a moment already."""
        attempt = child.attempt
        if attempt.is_active:
            since = now_us() - int(SHOWN_AFTER_SECONDS * 1e6)
            self._outbox.put(GoesOn(attempt.key, attempt.lease.epoch, since, what, stack))

    def report_refusal(self, child: _ChildProcess, step: Escalation, stack: str, next_at: int) -> None:
        attempt = child.attempt
        if attempt.abort is not None and attempt.is_active:
            self._outbox.put(Refusing(attempt.key, attempt.lease.epoch, now_us(), step, stack, next_at))

    def _end(self, child: _ChildProcess, conclusion: Coroutine[Any, Any, Ending]) -> None:
        """The process and all that it started have ended."""
        del self._children[child.number]
        self._memory.remove(child.pid)
        self._meter.remove(child.pid)
        child.close()
        self._slots.leave(child)
        if child.has_slot:
            self._slots.give_back(child.cores)
        task = asyncio.get_running_loop().create_task(self._conclude(child.attempt, conclusion))
        self._concluding.add(task)
        task.add_done_callback(self._concluding.discard)
        self._fill()

    async def _conclude(self, attempt: Attempt, conclusion: Coroutine[Any, Any, Ending]) -> None:
        uri = attempt.lease.output_uri
        try:
            ending = await conclusion
            if attempt.secrets is not None and self.forker.entry_point is not None:
                await mask_stored(uri, attempt.mask)
        except Exception as problem:  # storage is down
            failure = Failure("OutputsUnreadable", f"{uri}: {problem!r}", "system", recoverable=True)
            ending = Ending("cancelled") if attempt.is_stopping else Ending("failed", failure)
        self._finish(attempt, ending)
        if self.folders is not None:
            await asyncio.to_thread(self.folders.remove, attempt.lease)


def cores_of(attempt: Attempt) -> float:
    """How many cores its task declares; 0 if none."""
    return attempt.command.cores if attempt.command is not None else 0.0


def memory_of(attempt: Attempt) -> int:
    """How many bytes of memory its task declares; 0 if none."""
    return attempt.command.memory_bytes if attempt.command is not None else 0


async def ending_of(attempt: Attempt, code: int, oom: Failure | None) -> Ending:
    """How the attempt ended: by what it left in storage or, if it left nothing, by the exit code of its process.

    oom: why SIGKILL was for a lack of memory, if it was.
    """
    if code and attempt.is_stopping:
        return Ending("cancelled")
    failure = await failures.read_failure(attempt.lease.output_uri)
    if code and (failure is None or failure.code == failures.NO_OUTPUTS):
        failure = oom if oom is not None and code == -signal.SIGKILL else describe_crash(code)
        return Ending("lost" if was_killed(failure) else "failed", failure, has_died=is_own_fault(code))
    return Ending("failed", failure) if failure else Ending("succeeded")


async def ending_of_refused(reason: str) -> Ending:
    message = f"No process can be started for the task: {reason}."
    return Ending("failed", Failure("CannotStartProcess", message, "system", recoverable=True))


class _ChildProcess:
    """A process that runs or is about to, and the `Target` of its stop sequence."""

    def __init__(self, number: int, attempt: Attempt, owner: ProcessPool) -> None:
        self.number = number
        self.attempt = attempt
        self.cores = cores_of(attempt)
        self.has_slot = True
        self.pid = 0
        self.taken_bytes = 0  # when that was more memory than its task declares
        self.is_delivered = False
        self.memory_kills = count_memory_kills()
        self.pipes = Pipes(self._write, self._receive)
        self.stop_sequence = StopSequence(self)
        self._owner = owner

    def exceed(self, taken_bytes: int) -> None:
        self.taken_bytes = taken_bytes
        self.stop_sequence.kill()

    def find_oom(self) -> Failure | None:
        """Why a SIGKILL was for a lack of memory, if it was."""
        if self.taken_bytes:
            return describe_excess(memory_of(self.attempt), self.taken_bytes)
        return None if count_memory_kills() == self.memory_kills else OUT_OF_MEMORY

    def close(self) -> None:
        self.stop_sequence.cancel_timer()
        self.pipes.close()

    def _write(self, stream: str, text: str) -> None:
        self._owner.output.write(self.attempt, stream, text)

    def _receive(self, message: bytes) -> None:
        if message == RELEASE:
            self._owner.release(self)
        elif message == ACQUIRE:
            self._owner.acquire(self)
        elif message == DELIVERED:
            self._owner.report_delivery(self, now_us())
        elif message.startswith(BLOCKED):
            self.attempt.blocked_ns = int(message.removeprefix(BLOCKED)) * 1_000_000
        elif message.startswith(GOES_ON):
            self._owner.report_goes_on(self, *json.loads(message.removeprefix(GOES_ON)))
        elif message.startswith(LEFT_BEHIND) and self._owner.has_manners(self.attempt):
            self.attempt.left_behind = json.loads(message.removeprefix(LEFT_BEHIND))

    # The `Target` of the stop sequence.

    def cancel(self, reason: str) -> None:
        self.pipes.cancel(reason)

    def ask_again(self) -> float:
        """A function gets SIGTERM. The coroutine of one that runs alone is cancelled again, as it is in a loop that others share."""
        if self.attempt.is_function:
            self._signal(signal.SIGTERM)
            return TERMINATED_SECONDS
        self.pipes.cancel_again()
        return self._owner.grace_seconds

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def ask_for_stack(self) -> None:
        self._signal(STACK_SIGNAL)
        if not self.attempt.is_function:
            self.pipes.ask_for_stacks()

    def _signal(self, number: int) -> None:
        self._owner.forker.signal(self.number, number)

    def stack(self) -> str:
        return self.pipes.stack()

    def report_refusal(self, step: Escalation, stack: str, next_at: int) -> None:
        self._owner.report_refusal(self, step, stack, next_at)
