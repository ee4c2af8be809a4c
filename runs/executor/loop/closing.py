"""Ends asyncio tasks of an action that do not let themselves be cancelled.

A task's coroutine is closed. One that awaits again when GeneratorExit is thrown into it is detached from its task and never
resumed (docs/decisions/0008). Call this on the user's loop only, whose thread runs none of these tasks meanwhile.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.attempt.stacks import awaits, frame_of

CLOSES = 5  # how often GeneratorExit is thrown: each one leaves one `finally` that awaits
ROUNDS = 10  # tasks that are started while others are closed are closed too, so often
SETTLE_SECONDS = 0.05  # a task whose coroutine is closed is over a few turns of the loop later

AnyTask = asyncio.Task[Any]
# Coroutines that were abandoned, for ever: collecting one throws GeneratorExit into it once more, in whatever thread that
# happens. Where no event loop runs, `while True` around a failing `await` would then never come to an end.
_abandoned: list[Any] = []


def close_tasks(attempt: Attempt) -> None:
    """End all tasks of the action: its own and those that it has spawned."""
    # What user code starts and prints while it is closed is the action's.
    context = contextvars.copy_context()
    context.run(CURRENT.set, attempt)
    loop = asyncio.get_running_loop()
    closed: set[AnyTask] = set()
    for _ in range(ROUNDS):
        alive = [task for task in attempt.open_tasks() if task not in closed]
        for task in alive:
            # As a handle of the loop, so that it is a step of the action, which may block here as anywhere (steps.py).
            asyncio.Handle(_close, (task,), loop, context)._run()
        closed.update(alive)
    if closed:
        loop.call_later(SETTLE_SECONDS, _abandon, closed)


def _close(task: AnyTask) -> None:
    coroutine: Any = task.get_coro()
    chain: list[Any] = []
    for _ in range(CLOSES):
        chain += [awaited for awaited, _ in awaits(coroutine)]
        with suppress(BaseException):  # it awaited again, or its cleaning up failed
            coroutine.close()
        if frame_of(coroutine) is None:
            break
    chain += [awaited for awaited, _ in awaits(coroutine)]
    _abandoned.extend({id(one): one for one in chain if frame_of(one) is not None}.values())
    # Retrieved, or asyncio would log that a closed coroutine cannot be resumed.
    task.add_done_callback(_retrieve_exception)
    # Wakes the task, which then finds its coroutine closed.
    task.cancel("it refused to stop")


def _retrieve_exception(task: AnyTask) -> None:
    if not task.cancelled():
        task.exception()


def _abandon(tasks: Iterable[AnyTask]) -> None:
    """End the tasks whose coroutines still refuse, or wait for one that does: a task that is done resumes nothing."""
    for task in tasks:
        if not task.done() and not getattr(task.get_coro(), "cr_running", False):
            asyncio.Future.cancel(task)


def end_left_behind(attempt: Attempt, grace_seconds: float) -> None:
    """Cancel the tasks that an ended action left behind. What refuses has two grace periods, like an action."""
    if not _cancel_spawned(attempt):
        return
    loop = asyncio.get_running_loop()

    def cancel_again() -> None:
        if _cancel_spawned(attempt):
            loop.call_later(grace_seconds, close)

    def close() -> None:
        if left := [task.get_name() for task in attempt.open_tasks()]:
            what = f"{', '.join(left)} of action {attempt.run.name}/{attempt.key.name}, which has ended"
            print(f"flyteui executor: closing what refuses to stop: {what}", file=sys.__stderr__)
            close_tasks(attempt)

    loop.call_later(grace_seconds, cancel_again)


def _cancel_spawned(attempt: Attempt) -> bool:
    left = list(attempt.spawned)
    for task in left:
        task.cancel("its action has ended")
    return bool(left)
