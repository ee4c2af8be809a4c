"""One child is done before the stop, the other has to go on after it."""

import asyncio

import flyte

env = flyte.TaskEnvironment(name="resuming")


@env.task
async def quick() -> int:
    print("quick ran")
    return 1


@env.task
async def slow(seconds: float) -> int:
    print("slow begins")
    await asyncio.sleep(seconds)
    return 2


@env.task
async def main() -> int:
    return await quick() + await slow(6.0)
