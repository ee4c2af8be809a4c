"""One of three that run together fails; the others go on, and so does what another parent waits for."""

from __future__ import annotations

import asyncio

import flyte

env = flyte.TaskEnvironment(name="beside")


@env.task
async def failing() -> None:
    raise ValueError("I will fail!")


@env.task
async def sleeper(number: int) -> None:
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError as cancelled:
        print(f"sleeper {number} got CancelledError: {cancelled.args[0]}")
        raise


@env.task
async def branch(first: int, fails: bool) -> str:
    children = [sleeper(number) for number in (first, first + 1)]
    results = await asyncio.gather(*children, *([failing()] if fails else []), return_exceptions=True)
    print([type(result).__name__ for result in results])
    return "done"


@env.task
async def main() -> None:
    await asyncio.gather(branch(0, True), branch(10, False))
