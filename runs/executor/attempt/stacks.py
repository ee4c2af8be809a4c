"""Formats the stacks in which code is stuck: those of an action's tasks, and that of the user's loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import flyte

from runs.executor.attempt.attempt import Attempt

MAX_STACK = 16_000  # characters; the innermost calls are kept
# Frames of these lead to the user's code and are left out.
_MACHINERY = tuple(
    f"{Path(str(module.__file__)).parent}{os.sep}"
    for module in (asyncio, flyte, sys.modules["runs.executor"])
)
_OURS = _MACHINERY[-1]
_IMPORT = "<frozen importlib"


def stack_of_action(attempt: Attempt) -> str:
    """Where its tasks wait, each from its first line of user code to its innermost await, and what goes on beside them."""
    parts = [stack_of_tasks(attempt.open_tasks(), attempt.task)]
    if attempt.owned is not None:
        parts += [
            f"In a thread that it has started, in {work.name}:\n" + format_frames(work.frames)
            for work in attempt.owned.left_threads()
        ]
        parts += [f"In a process that it has started, {name}.\n" for name in attempt.owned.running]
    return "\n".join(part for part in parts if part)[-MAX_STACK:]


def stack_of_tasks(tasks: Iterable[asyncio.Task[Any]], own: asyncio.Task[Any] | None) -> str:
    """The same of these tasks. own: the one that runs the action's code."""
    parts = []
    for task in tasks:
        name = "" if task is own else f"In {task.get_name()}, which it has started:\n"
        parts.append(name + format_frames(frame for _, frame in awaits(task.get_coro())))
    return "\n".join(parts)[-MAX_STACK:]


def stack_of_loop() -> str:
    """The stack of the user's loop's thread: what keeps it busy."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    return (
        ""
        if frame is None
        else format_frames([one for one, _ in traceback.walk_stack(frame)][::-1])[-MAX_STACK:]
    )


def awaits(awaited: Any) -> Iterator[tuple[Any, FrameType]]:
    """A coroutine, what it awaits, and so on, each with its frame; those that have ended have none."""
    while (frame := frame_of(awaited)) is not None:
        yield awaited, frame
        awaited = next(
            (
                getattr(awaited, name)
                for name in ("cr_await", "gi_yieldfrom", "ag_await")
                if hasattr(awaited, name)
            ),
            None,
        )


def frame_of(awaited: Any) -> FrameType | None:
    frames = (getattr(awaited, name, None) for name in ("cr_frame", "gi_frame", "ag_frame"))
    return next((frame for frame in frames if frame is not None), None)


def traceback_of(problem: BaseException) -> str:
    """The traceback that Python prints, from the first call of user code to its last one, where there is any."""
    described = traceback.TracebackException.from_exception(problem)
    _cut(described)
    return "".join(described.format())


def _cut(described: traceback.TracebackException) -> None:
    """Leave out what leads to user code, and what of ours it has called: a guard raises where the user calls `os._exit`."""
    stack = described.stack
    users = [n for n, line in enumerate(stack) if not line.filename.startswith((*_MACHINERY, _IMPORT))]
    if users:
        last = next(
            (n for n in range(len(stack) - 1, 0, -1) if not stack[n].filename.startswith(_OURS)), users[-1]
        )
        described.stack = traceback.StackSummary.from_list(stack[users[0] : last + 1])
    for other in (described.__cause__, described.__context__, *(described.exceptions or ())):
        if other is not None:
            _cut(other)


def format_frames(frames: Iterable[FrameType]) -> str:
    """As a traceback shows them, from the first line of user code on."""
    stack = traceback.StackSummary.extract((frame, frame.f_lineno) for frame in frames)
    first = next((n for n, line in enumerate(stack) if not line.filename.startswith(_MACHINERY)), 0)
    return "".join(traceback.StackSummary.from_list(stack[first:]).format())
