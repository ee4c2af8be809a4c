"""The workflows that are measured."""

from __future__ import annotations

import asyncio

import flyte

env = flyte.TaskEnvironment(name="bench")

# All actions of a run share one process, so a root can see its children begin.
begun = 0


@env.task
async def nothing(number: int) -> int:
    return number


@env.task
async def fan_out(n: int) -> int:
    return len(await asyncio.gather(*[nothing(number) for number in range(n)]))


@env.task
async def sleeper(number: int, seconds: float) -> None:
    global begun
    begun += 1
    await asyncio.sleep(seconds)


@env.task
async def hold(n: int, seconds: float) -> int:
    """Keep n children alive until they are aborted or have slept; returns how many were aborted."""
    results = await asyncio.gather(*[sleeper(number, seconds) for number in range(n)], return_exceptions=True)
    return sum(isinstance(result, flyte.errors.ActionAbortedError) for result in results)


@env.task
async def leave(n: int) -> None:
    """Return as soon as n children run, without waiting for them."""
    left = begun
    children = [asyncio.create_task(sleeper(number, 600.0)) for number in range(n)]
    while begun - left < n:
        await asyncio.sleep(0.05)
    assert len(children) == n


@env.task
async def first_line() -> float:
    import time

    return time.time()


@env.task
def plain_first_line() -> float:
    import time

    return time.time()
