"""Many children that sleep until they are aborted, and print when they hear of it."""

import asyncio
import time

import flyte

env = flyte.TaskEnvironment(name="holding")


@env.task
async def sleeper(number: int) -> None:
    try:
        await asyncio.sleep(900)
    except asyncio.CancelledError as cancelled:
        print(f"CancelledError at {time.time():.6f}: {cancelled}", flush=True)
        raise


@env.task
async def main(n: int) -> int:
    done = await asyncio.gather(*[sleeper(number) for number in range(n)], return_exceptions=True)
    return sum(isinstance(one, Exception) for one in done)
