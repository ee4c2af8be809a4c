"""What `closing` relies on in asyncio: a closed coroutine runs no more, and neither does one whose task was ended."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import pytest

from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.attempt.stacks import stack_of_action
from runs.executor.loop.closing import close_tasks
from runs.executor.loop.host import task_factory
from runs.protocol import frames

RUN = frames.RunInfo(1, "", "flytesnacks", "development", "r1", "", "", "")
LEASE = frames.Lease(frames.Key(1, "a0"), epoch=1, attempt=1, input_uri="", output_uri="")

steps: list[str] = []


class Stubbornness:
    """Whether `refuses` does; what is abandoned stays for ever, and this process must be able to end."""

    lasts = True


@pytest.fixture(autouse=True)
def stubbornness(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Python says of a coroutine that is closed in vain that it ignored GeneratorExit.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    Stubbornness.lasts = True
    yield
    Stubbornness.lasts = False


async def swallows() -> None:
    while True:
        try:
            await Turns(2)
        except asyncio.CancelledError:
            steps.append("cancelled")
        steps.append("step")


async def refuses() -> None:
    while True:
        try:
            await Turns(2)
        except BaseException as problem:
            if not Stubbornness.lasts:
                raise
            steps.append(type(problem).__name__)
        steps.append("step")


async def shields() -> None:
    while True:
        try:
            await asyncio.shield(refuses())
        except asyncio.CancelledError:
            steps.append("shielded")


async def gathers() -> None:
    await asyncio.gather(refuses(), swallows(), return_exceptions=True)


async def groups() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(refuses())
        await swallows()


async def starts_another_when_closed() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        asyncio.get_running_loop().create_task(refuses(), name="the other")


async def awaits_its_own_task() -> None:
    task = asyncio.create_task(refuses())
    while True:
        try:
            await task
        except asyncio.CancelledError:
            steps.append("cancelled")


class Turns:
    """Counts turns of the loop, so that a test waits for them and for no time."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._over = asyncio.get_running_loop().create_future()
        self._turn()

    def _turn(self) -> None:
        self._left -= 1
        if self._left:
            asyncio.get_running_loop().call_later(0.001, self._turn)
        else:
            self._over.set_result(None)

    def __await__(self) -> Any:
        return self._over.__await__()


async def start(code: Callable[[], Coroutine[Any, Any, None]]) -> Attempt:
    """As the host does: a coroutine of ours around the user's, in a context of its own."""
    loop = asyncio.get_running_loop()
    loop.set_task_factory(task_factory)
    loop.set_exception_handler(lambda *_: None)  # it complains of ended tasks that are woken
    attempt = Attempt(LEASE, RUN)

    async def ours(of_user: Awaitable[None]) -> None:
        await of_user

    context = contextvars.Context()
    context.run(CURRENT.set, attempt)
    steps.clear()
    attempt.task = loop.create_task(ours(code()), context=context)
    await Turns(20)
    return attempt


@pytest.mark.parametrize(
    "code",
    [swallows, refuses, shields, gathers, groups, starts_another_when_closed, awaits_its_own_task],
)
async def test_all_tasks_end_and_no_code_runs_afterwards(code: Callable[[], Coroutine[Any, Any, None]]):
    attempt = await start(code)
    assert attempt.task is not None
    tasks: list[asyncio.Future[Any]] = [attempt.task, *attempt.spawned]

    close_tasks(attempt)
    tasks += attempt.spawned
    await asyncio.wait_for(asyncio.wait(tasks), 5)
    await Turns(100)  # more than it takes to end the tasks that refuse
    after = len(steps)
    await Turns(100)

    assert all(task.done() for task in tasks)
    assert not attempt.spawned
    assert len(steps) == after, steps[after:]


async def test_a_stack_goes_from_the_first_line_of_user_code_to_the_innermost_await():
    attempt = await start(awaits_its_own_task)

    stack = stack_of_action(attempt)
    close_tasks(attempt)

    assert (
        stack.index("in awaits_its_own_task")
        < stack.index("which it has started")
        < stack.index("in refuses")
    )
    assert "runs/executor" not in stack


async def test_an_abandoned_coroutine_is_not_closed_again_by_the_collector():
    attempt = await start(gathers)
    close_tasks(attempt)
    assert attempt.task is not None
    await asyncio.wait_for(asyncio.wait([attempt.task]), 5)
    await Turns(100)
    del attempt
    after = len(steps)

    # In a thread without a loop its next await would fail at once, and it would try for ever.
    await asyncio.wait_for(asyncio.to_thread(gc.collect), 5)

    assert len(steps) == after, steps[after:]
