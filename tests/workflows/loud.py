"""Tasks that say too much, each beside a neighbour in the same process, below one parent."""

import asyncio
import logging
import sys

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="loud")
MB = 1_000_000


@env.task
async def prints_at_once() -> int:
    print("x" * (3 * MB))
    return 1


@env.task
async def prints_many_lines() -> int:
    sys.stdout.write(("y" * 99 + "\n") * (3 * MB // 100))
    return 1


@env.task
def prints_as_a_function() -> int:
    print(("z" * 99 + "\n") * (3 * MB // 100))
    return 1


@env.task
async def floods() -> int:
    for number in range(200_000):
        print(f"line {number:06d}")
        if number % 2000 == 0:
            await asyncio.sleep(0)
    return 1


@env.task
async def logs_everything() -> int:
    logging.basicConfig(level=logging.DEBUG, force=True)
    await asyncio.gather(*(asyncio.sleep(0.01) for _ in range(100)))
    return 1


@env.task
async def fails_at_length() -> int:
    raise ValueError("it begins so: " + "é" * MB + " and ends so")


@env.task
def fails_at_length_as_a_function() -> int:
    raise ValueError("it begins so: " + "é" * MB + " and ends so")


@env.task
async def has_a_large_trace() -> int:
    await traced_failure()
    return 1


@flyte.trace
async def traced_failure() -> None:
    raise ValueError("it begins so: " + "é" * MB + " and ends so")


@env.task
async def neighbour() -> str:
    await asyncio.sleep(0.5)
    return "undisturbed"


KINDS = {task.func.__name__: task for task in [
    prints_at_once, prints_many_lines, prints_as_a_function, floods, logs_everything, fails_at_length,
    fails_at_length_as_a_function, has_a_large_trace,
]}  # fmt: skip


@env.task
async def sleeps() -> None:
    await asyncio.sleep(3600)


@env.task
async def main(kind: str) -> str:
    loud, quiet = await asyncio.gather(KINDS[kind].aio(), neighbour(), return_exceptions=True)
    said = f"{type(loud).__name__} {getattr(loud, 'code', loud)}"
    return f"{said} {quiet}"
