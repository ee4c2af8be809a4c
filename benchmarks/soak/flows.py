"""User code that leaves marks: which action began and ended when, in a file; and a lock that detects an action that runs twice.

The lock is the kernel's, so the death of a process frees it, and two tasks of one process are distinguished.
One file without imports from here, because it is what the real client bundles.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="soak")


@contextmanager
def marked(where: str) -> Iterator[None]:
    """Around the whole of an action's own code. where: the folder of the marks."""
    identity = flyte.ctx().action
    run, action = str(identity.run_name), identity.name
    lock = os.open(f"{where}/{run}.{action}.lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        mark(where, "doubled", run, action)
    mark(where, "start", run, action)
    try:
        yield
    finally:
        mark(where, "stop", run, action)
        os.close(lock)


def mark(where: str, what: str, run: str, action: str) -> None:
    line = {"what": what, "run": run, "action": action, "pid": os.getpid(), "at": time.monotonic()}
    file = os.open(f"{where}/marks.jsonl", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.write(file, json.dumps(line).encode() + b"\n")
    os.close(file)


@env.task
async def sleeps(where: str, number: int, seconds: float) -> int:
    with marked(where):
        try:
            await asyncio.sleep(seconds)
        finally:
            await asyncio.sleep(0.01)
        return number


@env.task
async def fails(where: str, number: int, seconds: float) -> int:
    with marked(where):
        await asyncio.sleep(seconds)
        raise ValueError(f"{number} fails")


@env.task(retries=2)
async def retries(where: str, number: int, seconds: float) -> int:
    with marked(where):
        await asyncio.sleep(seconds)
        if flyte.ctx().attempt_number < number % 3:
            raise ValueError(f"attempt {flyte.ctx().attempt_number} of {number} fails")
        return number


@env.task
async def swallows(where: str, number: int, seconds: float) -> int:
    """Takes a cancel for a reason to hurry, and returns."""
    with marked(where):
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
        return number


@env.task(timeout=flyte.Timeout(max_runtime=2), retries=1)
async def overruns(where: str, number: int, seconds: float) -> int:
    with marked(where):
        await asyncio.sleep(seconds + (number % 2) * 10)
        return number


@env.task
def plain(where: str, number: int, seconds: float) -> int:
    with marked(where):
        time.sleep(seconds)
        return number


@env.task
def plain_parent(where: str, number: int, seconds: float) -> int:
    with marked(where):
        slept: Any = sleeps(where, number, seconds)  # without a loop the SDK waits for it here
        return int(slept) + plain(where, number, seconds / 2)


# Faults, each of which concerns its action alone.


@env.task
async def crashes(where: str, number: int, seconds: float) -> int:
    with marked(where):
        await asyncio.sleep(seconds)
        ctypes.string_at(0)
        return number


@env.task
async def blocks(where: str, number: int, seconds: float) -> int:
    with marked(where):
        time.sleep(min(seconds, 1.5))  # noqa: ASYNC251 -- the fault
        return number


@env.task
async def floods(where: str, number: int, seconds: float) -> int:
    with marked(where):
        for _ in range(20):
            print(f"{number} " * 25_000)
        await asyncio.sleep(seconds)
        return number


@env.task
async def starts(where: str, number: int, seconds: float) -> int:
    """Leaves a process behind, and is in a thread when it is aborted."""
    with marked(where):
        subprocess.Popen(["sleep", "60"])  # noqa: ASYNC220 -- the fault
        await asyncio.to_thread(time.sleep, seconds)
        return number


@env.task
async def branch(where: str, seed: int, depth: int) -> int:
    """A random subtree: some children are cancelled in code, and some are left behind."""
    dice = random.Random(seed)
    with marked(where):
        children = [grow(where, dice, depth) for _ in range(dice.randint(2, 6))]
        if dice.random() < 0.3:
            await asyncio.sleep(dice.uniform(0.1, 0.6))
            dice.choice(children).cancel()
        if dice.random() < 0.15:
            await asyncio.wait(children, return_when=asyncio.FIRST_COMPLETED)
            return 0  # the others are left behind
        done = await asyncio.gather(*children, return_exceptions=True)
        return sum(one for one in done if isinstance(one, int))


def grow(where: str, dice: random.Random, depth: int) -> asyncio.Task[int]:
    """One random child. A parent that runs again grows the same, for its seed is an input."""
    number, seconds = dice.randrange(1000), dice.uniform(0.0, 2.5)
    if depth > 0 and dice.random() < 0.3:
        return asyncio.create_task(branch(where, dice.randrange(10**9), depth - 1))
    if dice.random() < FAULTY:
        return asyncio.create_task(dice.choice(FAULTS)(where, number, seconds))
    return asyncio.create_task(dice.choice(KINDS)(where, number, seconds))


# Sleepers are the many, and a plain function costs a process.
FAULTS: list[Any] = [crashes, blocks, floods, starts]
FAULTY = 0.06  # of the children
KINDS: list[Any] = [sleeps, sleeps, sleeps, fails, retries, swallows, overruns, plain.aio, plain_parent.aio]


@env.task
async def main(where: str, seed: int) -> int:
    with marked(where):
        return await branch(where, seed, 2)


# Nobody knows how long a test takes to do what it does meanwhile, so these go on until it says so.


def may_end(where: str) -> bool:
    return os.path.exists(f"{where}/may-end")  # noqa: PTH110 -- some thousand times a second


@env.task
async def waits(where: str, number: int) -> int:
    with marked(where):
        while not may_end(where):
            await asyncio.sleep(0.2)
        return number


@env.task
def waits_plain(where: str, number: int) -> int:
    with marked(where):
        while not may_end(where):
            time.sleep(0.05)
        return number


@env.task
async def fan_out(where: str, n: int, plain_ones: int, quick: int) -> int:
    """`quick` children that end first; then n others and some plain functions, which wait. Returns how many were aborted."""
    with marked(where):
        await asyncio.gather(*[sleeps(where, number, 0.0) for number in range(quick)])
        longer = [waits(where, 1000 + number) for number in range(n)]
        processes = [waits_plain.aio(where, 5000 + number) for number in range(plain_ones)]
        done = await asyncio.gather(*longer, *processes, return_exceptions=True)
        return sum(isinstance(one, flyte.errors.ActionAbortedError) for one in done)
