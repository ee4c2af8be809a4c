"""Holds actions: takes leases, runs each as an asyncio task on the user's loop, cancels it, reports its end.

Frames come on the link's thread; what touches tasks goes through `_inbox` to the user's loop, in order. A lease that has
not begun can be given back by the link's thread while that loop is blocked, so beginning is claimed under a lock.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from runs.executor import frames
from runs.executor.children import Children
from runs.executor.closing import close_tasks, end_left_behind
from runs.executor.command import Command
from runs.executor.escalation import Escalation
from runs.executor.frames import Cancel, Key, Lease, RunInfo, now_us
from runs.executor.held import CURRENT, Ending, Held, Stage
from runs.executor.isolation import Isolation
from runs.executor.link import Link
from runs.executor.output import Output, clean
from runs.executor.pace import pace_of
from runs.executor.runner import ISOLATE, Runner

SHUTDOWN = "shutdown"


class Host:
    """The actions of this process, and what the server says about them."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, link: Link, output: Output, isolation: Isolation
    ) -> None:
        self._loop = loop
        self._pace = pace_of(loop)
        self._link = link
        self._output = output
        self._isolation = isolation
        self.held: dict[Key, Held] = {}
        self.children = Children(
            self.held, link.outbox, call_later=link.call_later, take_lease=self._take_for_parent
        )
        self.escalation = Escalation(self.held, link, post=self._post, finish=self.finish)
        self._runner: Runner | None = None
        self._runs: dict[int, RunInfo] = {}
        self._inbox: deque[tuple[Callable[[Any], None], Any]] = deque()
        self._is_awake = False
        self._claims = threading.Lock()
        self.takes_leases = True
        self.on_end: Callable[[], None] = lambda: None  # after each end, on any thread

    # The link's thread.

    def take(self, message: frames.Leases) -> None:
        for run in message.runs:
            self._runs[run.run] = run
        for lease in message.leases:
            self._take(lease, self._runs[lease.key.run], None)

    def _take_for_parent(self, lease: Lease, parent: Held, command: Command | None) -> None:
        self._take(lease, parent.run, command)

    def _take(self, lease: Lease, run: RunInfo, command: Command | None) -> None:
        known = self.held.get(lease.key)
        if known is not None:
            if known.lease.epoch >= lease.epoch:
                return  # told again after a reconnect
            self._post(self._kill, known)
            self.escalation.lost(known)
        if not self.takes_leases:
            self._link.outbox.put(frames.Returned(key=lease.key, epoch=lease.epoch))
            return
        held = self.held[lease.key] = Held(lease, run, command)
        self._post(self._begin_soon, held)

    def cancel(self, message: frames.Cancels) -> None:
        for cancel in message.cancels:
            held = self.held.get(cancel.key)
            if held is not None and held.is_isolated and held.lease.epoch == cancel.epoch:
                self._isolation.cancel(held, cancel.note, is_forced=cancel.is_forced)
            else:
                self._post(self._cancel, cancel)
        self.escalation.watch(message.cancels)

    def kill(self, keys: list[Key]) -> None:
        for key in keys:
            if (held := self.held.get(key)) is None:
                continue
            if held.is_isolated:
                self._kill(held)
            else:
                self._post(self._kill, held)
                self.escalation.lost(held)

    def give_back(self) -> None:
        """Return every lease that has not begun; its task, if it has one, then ends by itself."""
        for held in list(self.held.values()):
            with self._claims:
                if held.stage is not Stage.WAITING:
                    continue
                held.stage = Stage.GONE
            # Held until that is acknowledged: after a lost link the server would take it for a lease that did not arrive.
            returned = frames.Returned(key=held.key, epoch=held.lease.epoch)
            self._link.outbox.put(returned, partial(self._was_returned, held))

    def _was_returned(self, held: Held, result: frames.EnqueueResult | None) -> None:
        self._release(held)

    def _post(self, method: Callable[[Any], None], argument: Any) -> None:
        self._inbox.append((method, argument))
        if self._runner is not None and not self._is_awake:
            self._is_awake = True
            self._loop.call_soon_threadsafe(self._drain)

    # The user's loop.

    def open(self, runner: Runner) -> None:
        """Begin with what has been leased; until now it gathered, because the code was not there yet."""
        self._runner = runner
        self._drain()

    def _drain(self) -> None:
        self._is_awake = False
        while self._inbox:
            method, argument = self._inbox.popleft()
            method(argument)

    def _begin_soon(self, held: Held) -> None:
        self._pace.soon(self._begin, held)

    def _begin(self, held: Held) -> None:
        if held.stage is not Stage.WAITING:
            return
        # An empty context of its own: nothing leaks in from the frame's callback or from a neighbour.
        context = contextvars.Context()
        context.run(CURRENT.set, held)
        name = f"{held.run.name}/{held.key.name}"
        held.task = self._loop.create_task(self._run(held), name=name, context=context)
        held.task.add_done_callback(lambda task: self._ended(held, task))

    async def _run(self, held: Held) -> Ending | None:
        with self._claims:
            if held.stage is not Stage.WAITING:
                return None
            held.stage = Stage.RUNNING
        assert self._runner is not None
        return await self._runner.run(held)

    def _ended(self, held: Held, task: asyncio.Task[Ending | None]) -> None:
        if held.stage is Stage.GONE:
            return
        if task.cancelled() or held.is_closed:
            ending: Ending | None = Ending("cancelled")
        elif (problem := task.exception()) is not None:
            ending = Ending(
                "failed", frames.Failure("ExecutorError", clean(repr(problem)), "system", recoverable=True)
            )
        else:
            ending = task.result()
        if ending is ISOLATE and held.cancel is None and not held.is_interrupted:
            # Set before it is handed over: from now on the link's thread takes cancels of it straight there.
            held.is_isolated = True
            self._link.call_soon(self._isolation.start, held)
        elif ending is ISOLATE:
            self.finish(held, Ending("cancelled"))
        elif ending is not None:
            self.finish(held, ending)

    def _cancel(self, cancel: Cancel) -> None:
        held = self.held.get(cancel.key)
        if held is None or held.lease.epoch != cancel.epoch or not held.may_speak:
            return
        if held.is_isolated:
            handed_on = partial(self._isolation.cancel, held, cancel.note, is_forced=cancel.is_forced)
            self._link.call_soon(handed_on)
            return
        if held.cancel is not None:
            return
        held.cancel = cancel.note
        if held.task is None:
            self.finish(held, Ending("cancelled"))
        elif held.task.cancel(cancel.note.reason or cancel.note.cause) and held.has_begun:
            # Most tasks end at once when they are cancelled.
            self._link.put_soon(frames.Delivered(key=held.key, epoch=cancel.epoch, at=now_us()))

    def _kill(self, held: Held) -> None:
        """Stop it and forget it: somebody else owns the action, so nothing is said about it, nor about its children."""
        held.stage = Stage.GONE
        if self.held.get(held.key) is held:
            del self.held[held.key]
        if held.is_isolated:
            self._link.call_soon(self._isolation.kill, held)
            return
        if held.task is not None:
            held.task.cancel("the lease is lost")
        end_left_behind(held, self.escalation.grace_seconds)

    def interrupt_all(self) -> None:
        for held in list(self.held.values()):
            if held.may_speak:
                held.is_interrupted = True
                if held.task is not None and not held.is_isolated:
                    held.task.cancel(SHUTDOWN)

    def close_all(self) -> None:
        """End what did not let itself be interrupted."""
        for held in list(self.held.values()):
            if held.may_speak and not held.is_isolated:
                held.is_closed = True
                close_tasks(held)

    def _release(self, held: Held) -> None:
        """The end is acknowledged. What its code left behind is cancelled now, and not before: the server has recorded
        the descendants as ended by their parent, so that their cause is not what this cancel would make of it.
        """
        held.stage = Stage.GONE
        if self.held.get(held.key) is held:
            del self.held[held.key]
        end_left_behind(held, self.escalation.grace_seconds)
        self.on_end()

    # Any thread.

    def finish(self, held: Held, ending: Ending) -> None:
        """Report the end. Its output goes first, so that a log which follows the action is complete when it ends."""
        with self._claims:
            if not held.may_speak:
                return
            held.stage = Stage.FINISHED
        if held.is_interrupted and held.cancel is None:
            ending = Ending("interrupted")
        self._output.flush(held)
        finished = frames.Finished(
            key=held.key, epoch=held.lease.epoch, at=now_us(), outcome=ending.outcome, failure=ending.failure
        )
        self._link.outbox.put(finished, lambda _: self._post(self._release, held))
        self.on_end()


def task_factory(
    loop: asyncio.AbstractEventLoop,
    coroutine: Any,
    *,
    context: contextvars.Context | None = None,
    **options: Any,
) -> asyncio.Task[Any]:
    """Make tasks as asyncio does, and remember those that an action's code starts beside its own."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, context=context, **options)
    held = CURRENT.get() if context is None else context.get(CURRENT)
    if held is not None and held.task is not None:
        held.spawned.add(task)
        task.add_done_callback(held.spawned.discard)
    return task
