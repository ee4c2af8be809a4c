"""Plain functions that sleep for long, wait for each other, and nest."""

import asyncio
import os
import time

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="plain_aborts")


@env.task
def sleeper(n: int) -> int:
    print(f"pid {os.getpid()}")
    time.sleep(600)
    return n


@env.task
def waits() -> int:
    print(f"pid {os.getpid()}")
    return sleeper(0)


@env.task
def catches() -> str:
    try:
        sleeper(0)
    except flyte.errors.ActionAbortedError as error:
        print(
            f"{error.action} {error.actor} {error.reason} {error.cause} {error.requested_at.timestamp():.0f}"
        )
        return "went on"
    return "nothing happened"


@env.task
def does_not_catch() -> int:
    return sleeper(0)


@env.task
def leaf(n: int) -> int:
    return n * 2


@env.task
def middle(n: int) -> int:
    return leaf(n) + leaf(n + 1)


@env.task
async def nests(n: int) -> int:
    return sum(await asyncio.gather(*[middle.aio(i) for i in range(n)]))
