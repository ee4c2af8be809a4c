"""The workflows that are measured."""

from __future__ import annotations

import asyncio
import ctypes
import time
from pathlib import Path
from typing import Any

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
async def fan_out_both_ways(n: int, rounds: int) -> list[float]:
    """Fan out with step accounting and without it, by turns; returns the loop's CPU seconds for each, in that order."""
    handles: Any = asyncio.Handle
    accounted = handles._run
    spent = []
    try:
        for number in range(2 * rounds):
            handles._run = accounted.__wrapped__ if number % 2 else accounted
            start = time.thread_time()
            await asyncio.gather(*[nothing(number * n + one) for one in range(n)])
            spent.append(time.thread_time() - start)
    finally:
        handles._run = accounted
    return spent


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
async def crash(n: int, file: str) -> None:
    """End the process when n children run in it, having written the instant down."""
    while begun < n:
        await asyncio.sleep(0.05)
    end_process(file)


def end_process(file: str) -> None:
    Path(file).write_text(str(time.time()))
    ctypes.string_at(0)


@env.task
async def hold_and_crash(n: int, seconds: float, file: str) -> None:
    await asyncio.gather(hold(n, seconds), crash(n, file), return_exceptions=True)


def compute(work: int) -> int:
    return sum(number * number for number in range(work)) % 1000


@env.task
async def computes(work: int) -> int:
    return compute(work)


@env.task
def computes_in_a_process(work: int) -> int:
    return compute(work)


@env.task
async def four_compute(work: int, in_processes: bool) -> float:
    """How long four of them take together, in seconds."""
    one: Any = computes_in_a_process.aio if in_processes else computes
    start = time.monotonic()
    await asyncio.gather(*[one(work + number) for number in range(4)])
    return time.monotonic() - start


@env.task
async def prints(megabytes: int) -> None:
    line = "x" * 999
    for number in range(1000 * megabytes):
        print(line)
        if not number % 100:
            await asyncio.sleep(0)


@env.task
async def hold_and_print(n: int, seconds: float, megabytes: int) -> None:
    held = asyncio.create_task(hold(n, seconds))
    while begun < n:
        await asyncio.sleep(0.05)
    await asyncio.gather(held, prints(megabytes))


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
    return time.time()


@env.task
def plain_first_line() -> float:
    return time.time()
