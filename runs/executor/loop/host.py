"""Takes leases, runs each attempt as an asyncio task on the user's loop, cancels it, and reports its end.

Frames come on the link's thread; what touches tasks goes through `_inbox` to the user's loop, in order. The link's thread
may give back a lease that has not begun while that loop is blocked, so an attempt is claimed before it begins (`state.py`).
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from runs.domain.failures import Failure
from runs.domain.names import ROOT
from runs.domain.texts import clean
from runs.executor.attempt.attempt import CURRENT, Attempt, Ending
from runs.executor.attempt.children import Children
from runs.executor.attempt.command import Command
from runs.executor.attempt.masking import mask_event, owner_of
from runs.executor.attempt.output import Output
from runs.executor.attempt.state import State, Stop
from runs.executor.attempt.working_folder import WorkingFolders
from runs.executor.link.client import Link
from runs.executor.loop.closing import close_tasks, end_left_behind
from runs.executor.loop.escalation import Escalation
from runs.executor.loop.leftovers import Leftovers
from runs.executor.loop.runner import ISOLATE, Runner
from runs.executor.pace import pace_of
from runs.executor.processes.forker import Forker
from runs.executor.processes.pool import ProcessPool
from runs.protocol import frames
from runs.protocol.frames import Cancel, Key, Lease, RunInfo, now_us

SHUTDOWN = "shutdown"


class Host:
    """The attempts of this process.

    on_end: called after each end, on any thread. on_last_step: called when an escalation has no further step, on the
    link's thread.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        link: Link,
        output: Output,
        forker: Forker,
        *,
        variables: Mapping[str, str],
        processes: int,
        on_end: Callable[[], None],
        on_last_step: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._pace = pace_of(loop)
        self._link = link
        link.outbox.mask = self._mask
        self._output = output
        self._on_end = on_end
        self.attempts: dict[Key, Attempt] = {}
        self.children = Children(
            self.attempts, link.outbox, call_later=link.call_later, take_lease=self._take_for_parent
        )
        self.leftovers = Leftovers(output, link.outbox.put)
        self._escalation = Escalation(
            self.attempts,
            link,
            self.leftovers,
            post=self._post,
            finish=self.finish,
            on_last_step=on_last_step,
        )
        self._process_pool = ProcessPool(
            forker, link.outbox, output, variables=variables, finish=self.finish, processes=processes
        )
        self._runner: Runner | None = None
        self._folders: WorkingFolders | None = None
        self._runs: dict[int, RunInfo] = {}
        self._inbox: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._is_awake = False
        self._is_leasing = True

    # The link's thread.

    def open_processes(self) -> None:
        self._process_pool.open()

    def set_grace(self, seconds: float) -> None:
        for part in (self._process_pool, self._escalation, self.leftovers):
            part.grace_seconds = seconds

    def set_blocked(self, by: Attempt | None) -> None:
        """The user's loop is blocked, by an attempt if that is known: leases that have not begun are better run elsewhere."""
        self._escalation.set_blocked(by)
        self._give_back(but=by)

    def set_responsive(self) -> None:
        self._escalation.is_loop_blocked, self._escalation.blocked_by = False, None

    def stop_leasing(self) -> None:
        self._is_leasing = False

    def list_held(self) -> list[frames.Held]:
        return [frames.Held(attempt.key, attempt.lease.epoch) for attempt in list(self.attempts.values())]

    def is_any_active(self) -> bool:
        return any(attempt.is_active for attempt in list(self.attempts.values()))

    def holds_up(self, by: Attempt) -> bool:
        """Whether somebody else is on the user's loop, and waits while this attempt has it. Any thread."""
        return any(
            one is not by and one.is_active and not one.is_isolated for one in list(self.attempts.values())
        )

    def can_any_end(self) -> bool:
        """Whether an end can still come: code on a blocked loop does not end before that loop is free again."""
        return any(
            attempt.is_active and (attempt.is_isolated or not self._escalation.is_loop_blocked)
            for attempt in list(self.attempts.values())
        )

    def take(self, message: frames.Leases) -> None:
        for run in message.runs:
            self._runs[run.run] = run
        for lease in message.leases:
            self._take(lease, self._runs[lease.key.run], None)

    def _take_for_parent(self, lease: Lease, parent: Attempt, command: Command | None) -> None:
        self._take(lease, parent.run, command)

    def _take(self, lease: Lease, run: RunInfo, command: Command | None) -> None:
        known = self.attempts.get(lease.key)
        if known is not None:
            if known.lease.epoch >= lease.epoch:
                return  # the server repeats leases after a reconnect
            self._post(self._kill, known)
            self._escalation.lost(known)
        if not self._is_leasing or self._escalation.is_loop_blocked:
            self._link.outbox.put(frames.Returned(key=lease.key, epoch=lease.epoch))
            return
        attempt = self.attempts[lease.key] = Attempt(lease, run, command)
        self._post(self._begin_soon, attempt)

    def cancel(self, message: frames.Cancels) -> None:
        for cancel in message.cancels:
            attempt = self.attempts.get(cancel.key)
            if attempt is not None and attempt.is_isolated and attempt.lease.epoch == cancel.epoch:
                self._process_pool.cancel(attempt, cancel.note, is_forced=cancel.is_forced)
            else:
                self._post(self._cancel, cancel)
        self._escalation.watch(message.cancels)

    def kill(self, keys: list[Key]) -> None:
        for key in keys:
            if (attempt := self.attempts.get(key)) is None:
                continue
            if attempt.is_isolated:
                self._kill(attempt)
            else:
                self._post(self._kill, attempt)
                self._escalation.lost(attempt)

    def _give_back(self, *, but: Attempt | None = None) -> None:
        """Return every lease whose code has not begun. A task that it has already ends without running any.

        but: one that keeps the loop while its module is imported, as it would do elsewhere.
        """
        for attempt in list(self.attempts.values()):
            if attempt is but or not attempt.give_back():
                continue
            # Kept until that is acknowledged: a hello without it would make the server take the lease for lost, and grant it again.
            returned = frames.Returned(key=attempt.key, epoch=attempt.lease.epoch)
            self._link.outbox.put(returned, partial(self._was_returned, attempt))

    def _was_returned(self, attempt: Attempt, result: frames.EnqueueResult | None) -> None:
        self._release(attempt)

    def _remove_folder(self, attempt: Attempt) -> None:
        assert self._folders is not None
        asyncio.get_running_loop().run_in_executor(None, self._folders.remove, attempt.lease)

    def interrupt(self) -> None:
        """Begin an orderly stop: lease nothing, give back what has not begun, interrupt what runs."""
        self.stop_leasing()
        self.children.stop()
        self._give_back()
        self._loop.call_soon_threadsafe(self._interrupt_there)
        self._process_pool.stop()

    def close(self) -> None:
        """End by force what has not let itself be interrupted on the user's loop."""
        self._loop.call_soon_threadsafe(self._close_there)

    def _post(self, method: Callable[[Any], None], argument: Any) -> None:
        self._inbox.append((method, argument))
        if self._runner is not None and not self._is_awake:
            self._is_awake = True
            self._loop.call_soon_threadsafe(self._drain)

    # The user's loop.

    def open(self, runner: Runner, folders: WorkingFolders) -> None:
        """Begin the attempts that have been leased so far, now that the code is there."""
        self._runner = runner
        self._folders = self._process_pool.folders = folders
        self._drain()

    def _drain(self) -> None:
        self._is_awake = False
        while self._inbox:
            method, argument = self._inbox.popleft()
            method(argument)

    def _begin_soon(self, attempt: Attempt) -> None:
        self._pace.soon(self._begin, attempt)

    def _begin(self, attempt: Attempt) -> None:
        if attempt.state is not State.LEASED:
            return
        # A new context: nothing leaks in from the frame's callback or from another action.
        context = contextvars.Context()
        context.run(CURRENT.set, attempt)
        name = f"{attempt.run.name}/{attempt.key.name}"
        attempt.task = self._loop.create_task(self._run(attempt), name=name, context=context)
        attempt.task.add_done_callback(lambda task: self._ended(attempt, task))

    async def _run(self, attempt: Attempt) -> Ending | None:
        if not attempt.claim():
            return None
        assert self._runner is not None
        return await self._runner.run(attempt)

    def _ended(self, attempt: Attempt, task: asyncio.Task[Ending | None]) -> None:
        if attempt.state is State.GONE:
            if attempt.owned is not None:
                self._link.call_soon(self.leftovers.end, attempt, lambda _: None)
            return
        if task.cancelled() or attempt.state is State.CLOSED:
            ending: Ending | None = Ending("cancelled")
        elif (problem := task.exception()) is not None:
            ending = Ending(
                "failed", Failure("ExecutorError", clean(repr(problem)), "system", recoverable=True)
            )
        else:
            ending = task.result()
        if ending is ISOLATE and not attempt.is_stopping:
            # Before it is handed over: from now on the link's thread takes cancels of it straight there.
            if attempt.isolate():
                self._link.call_soon(self._process_pool.start, attempt)
        elif ending is ISOLATE:
            self.finish(attempt, Ending("cancelled"))
        elif ending is not None:
            self.finish(attempt, ending)

    def _cancel(self, cancel: Cancel) -> None:
        attempt = self.attempts.get(cancel.key)
        if attempt is None or attempt.lease.epoch != cancel.epoch or not attempt.is_active:
            return
        if attempt.is_isolated:
            cancel_there = partial(
                self._process_pool.cancel, attempt, cancel.note, is_forced=cancel.is_forced
            )
            self._link.call_soon(cancel_there)
            return
        if not attempt.request_abort(cancel.note):
            return
        if attempt.task is None:
            self.finish(attempt, Ending("cancelled"))
        elif attempt.task.cancel(cancel.note.reason or cancel.note.cause) and (
            attempt.state is State.RUNNING
        ):
            # Most tasks end at once when they are cancelled.
            self._link.put_soon(frames.Delivered(key=attempt.key, epoch=cancel.epoch, at=now_us()))

    def _kill(self, attempt: Attempt) -> None:
        """Stop and forget it: another executor owns the action, so no event about it or its children is sent."""
        is_isolated = attempt.is_isolated
        attempt.lose()
        attempt.remove_secret_files()
        if self.attempts.get(attempt.key) is attempt:
            del self.attempts[attempt.key]
        if is_isolated:
            self._link.call_soon(self._process_pool.kill, attempt)
            return
        if attempt.task is not None:
            attempt.task.cancel("the lease is lost")
        end_left_behind(attempt, self._escalation.grace_seconds)
        if attempt.own_folder is not None:
            self._link.call_soon(self._remove_folder, attempt)

    def _interrupt_there(self) -> None:
        for attempt in list(self.attempts.values()):
            if attempt.is_active:
                attempt.request_shutdown()
                if attempt.task is not None and not attempt.is_isolated:
                    attempt.task.cancel(SHUTDOWN)

    def _close_there(self) -> None:
        for attempt in list(self.attempts.values()):
            if attempt.is_active and not attempt.is_isolated:
                attempt.close()
                close_tasks(attempt)

    def _release(self, attempt: Attempt) -> None:
        """The end is acknowledged, so cancel the tasks that its code left behind.

        Not earlier: the server has recorded now that the descendants ended with their parent, so a cancel that these tasks
        pass on to their children cannot become the cause.
        """
        attempt.acknowledge()
        attempt.remove_secret_files()
        if self.attempts.get(attempt.key) is attempt:
            del self.attempts[attempt.key]
        end_left_behind(attempt, self._escalation.grace_seconds)
        if attempt.own_folder is not None:
            self._link.call_soon(self._remove_folder, attempt)
        self._on_end()

    # Any thread.

    def write_unattributed(self, stream: str, text: str) -> None:
        """Native code has written this to a descriptor: the action's that runs here alone, or the root's of the only run.

        Where several runs share this process, it is the process' own, which its worker shows.
        """
        running = [one for one in list(self.attempts.values()) if one.state in {State.RUNNING, State.CLOSED}]
        if len(running) == 1:
            self._output.write(running[0], stream, text)
        elif len({one.key.run for one in running}) == 1:
            root = min(running, key=lambda one: (one.key.name != ROOT, one.key.name))
            self._output.write(root, stream, f"[from the process] {text}")
        else:
            for one in running:
                text = one.mask(text)
            print(text, end="", file=sys.__stderr__)

    def _mask(self, event: frames.Event) -> frames.Event:
        """Take the secrets of the action out of what its code has said."""
        owner = owner_of(event)
        attempt = self.attempts.get(owner) if owner is not None else None
        return event if attempt is None or attempt.secrets is None else mask_event(event, attempt.mask)

    def finish(self, attempt: Attempt, ending: Ending) -> None:
        """Report the end, when what the code has started has ended too."""
        if attempt.owned is None or attempt.owned.is_clear:
            self._report(attempt, ending)
        else:
            self._link.call_soon(self.leftovers.end, attempt, partial(self._report, attempt, ending))

    def _report(self, attempt: Attempt, ending: Ending, left_behind: str = "") -> None:
        """The output goes first, so that the log is complete when the action ends."""
        self._output.read_descriptors()
        attempt.remove_secret_files()
        if not attempt.report():
            return
        changed = attempt.put_back_changes()
        if attempt.stop is Stop.SHUTDOWN:
            ending = Ending("interrupted")
        self._output.flush(attempt)
        finished = frames.Finished(
            key=attempt.key,
            epoch=attempt.lease.epoch,
            at=now_us(),
            outcome=ending.outcome,
            failure=ending.failure,
            left_behind=left_behind or attempt.left_behind,
            changed=", ".join(changed),
            cpu_seconds=attempt.usage.cpu_seconds or attempt.processor_ns / 1e9,
            peak_memory_bytes=attempt.usage.peak_memory_bytes,
            blocked_seconds=attempt.blocked_ns / 1e9,
            has_died=ending.has_died,
        )
        self._link.outbox.put(finished, lambda _: self._post(self._release, attempt))
        self._on_end()


def task_factory(
    loop: asyncio.AbstractEventLoop,
    coroutine: Any,
    *,
    context: contextvars.Context | None = None,
    **options: Any,
) -> asyncio.Task[Any]:
    """Make tasks as asyncio does, and record those that an action's code starts beside its own."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, context=context, **options)
    attempt = CURRENT.get() if context is None else context.get(CURRENT)
    if attempt is not None and attempt.task is not None:
        attempt.spawned.add(task)
        task.add_done_callback(attempt.spawned.discard)
    return task
