"""Ends asyncio tasks of an action that do not let themselves be cancelled, and says where code is stuck.

A coroutine runs only while its task resumes it. So it is closed; what refuses that too, because it awaits again when
GeneratorExit is thrown into it, is taken from its task and never resumed (docs/decisions/0008). Only for the user's loop,
whose thread runs none of these tasks while it runs this.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import flyte

from runs.executor.held import CURRENT, Held

MAX_STACK = 16_000  # characters; the innermost calls are kept
CLOSES = 5  # how often GeneratorExit is thrown: each one leaves one `finally` that awaits
ROUNDS = 10  # tasks that are started while others are closed are closed too, so often
SETTLE_SECONDS = 0.05  # a task whose coroutine is closed is over a few turns of the loop later
# Calls of these lead to the user's code and say nothing of it.
_MACHINERY = tuple(
    f"{Path(str(module.__file__)).parent}{os.sep}" for module in (asyncio, flyte, sys.modules[__package__])
)

AnyTask = asyncio.Task[Any]
# Coroutines that were abandoned, for ever: collecting one throws GeneratorExit into it once more, in whatever thread that
# happens. Where no event loop runs, `while True` around a failing `await` would then never come to an end.
_abandoned: list[Any] = []


def close_tasks(held: Held) -> None:
    """End all that the action runs on its loop: its own task and those that it has spawned."""
    # What user code starts and prints while it is closed is the action's.
    context = contextvars.copy_context()
    context.run(CURRENT.set, held)
    closed: set[AnyTask] = set()
    for _ in range(ROUNDS):
        alive = [task for task in _tasks_of(held) if task not in closed]
        for task in alive:
            context.run(_close, task)
        closed.update(alive)
    if closed:
        asyncio.get_running_loop().call_later(SETTLE_SECONDS, _abandon, closed)


def _tasks_of(held: Held) -> list[AnyTask]:
    spawned = [task for task in held.spawned if isinstance(task, asyncio.Task)]
    own = [held.task] if held.task is not None else []
    return [task for task in (*own, *spawned) if not task.done()]


def _close(task: AnyTask) -> None:
    coroutine: Any = task.get_coro()
    chain: list[Any] = []
    for _ in range(CLOSES):
        chain += [awaited for awaited, _ in _awaits(coroutine)]
        with suppress(BaseException):  # it awaited again, or its cleaning up failed
            coroutine.close()
        if _frame_of(coroutine) is None:
            break
    chain += [awaited for awaited, _ in _awaits(coroutine)]
    _abandoned.extend({id(one): one for one in chain if _frame_of(one) is not None}.values())
    # What waits for it need not hear that a closed coroutine cannot be resumed.
    task.add_done_callback(_look_at_exception)
    # Wakes the task, which then finds its coroutine closed.
    task.cancel("it refused to stop")


def _look_at_exception(task: AnyTask) -> None:
    if not task.cancelled():
        task.exception()


def _abandon(tasks: Iterable[AnyTask]) -> None:
    """End the tasks whose coroutines still refuse, or that wait for such a one: a task that is over resumes nothing."""
    for task in tasks:
        if not task.done() and not getattr(task.get_coro(), "cr_running", False):
            asyncio.Future.cancel(task)


def end_left_behind(held: Held, grace_seconds: float) -> None:
    """Cancel what the code of an action that has ended left behind; what refuses has two grace periods, as an action."""
    if not _cancel_spawned(held):
        return
    loop = asyncio.get_running_loop()

    def ask_again() -> None:
        if _cancel_spawned(held):
            loop.call_later(grace_seconds, close)

    def close() -> None:
        if left := [task.get_name() for task in _tasks_of(held)]:
            what = f"{', '.join(left)} of action {held.run.name}/{held.key.name}, which has ended"
            print(f"flyteui executor: closing what refuses to stop: {what}", file=sys.__stderr__)
            close_tasks(held)

    loop.call_later(grace_seconds, ask_again)


def _cancel_spawned(held: Held) -> bool:
    left = list(held.spawned)
    for task in left:
        task.cancel("its action has ended")
    return bool(left)


# Where code is stuck.


def stack_of_action(held: Held) -> str:
    """Where its tasks wait, each from its first line of user code to its innermost await."""
    parts = []
    for task in _tasks_of(held):
        name = "" if task is held.task else f"In {task.get_name()}, which it has started:\n"
        parts.append(name + _format(frame for _, frame in _awaits(task.get_coro())))
    return "\n".join(parts)[-MAX_STACK:]


def stack_of_loop() -> str:
    """What keeps the thread of the user's loop busy."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    return (
        "" if frame is None else _format([one for one, _ in traceback.walk_stack(frame)][::-1])[-MAX_STACK:]
    )


def _awaits(awaited: Any) -> Iterator[tuple[Any, FrameType]]:
    """A coroutine, what it awaits, and so on, each with its frame; those that have ended have none."""
    while (frame := _frame_of(awaited)) is not None:
        yield awaited, frame
        awaited = next(
            (
                getattr(awaited, name)
                for name in ("cr_await", "gi_yieldfrom", "ag_await")
                if hasattr(awaited, name)
            ),
            None,
        )


def _frame_of(awaited: Any) -> FrameType | None:
    frames = (getattr(awaited, name, None) for name in ("cr_frame", "gi_frame", "ag_frame"))
    return next((frame for frame in frames if frame is not None), None)


def _format(frames: Iterable[FrameType]) -> str:
    stack = traceback.StackSummary.extract((frame, frame.f_lineno) for frame in frames)
    first = next((n for n, line in enumerate(stack) if not line.filename.startswith(_MACHINERY)), 0)
    return "".join(traceback.StackSummary.from_list(stack[first:]).format())
