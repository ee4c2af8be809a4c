"""One child is done before the stop, the other has to go on after it."""

import asyncio
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="resuming")


@env.task
async def quick() -> int:
    print("quick ran")
    return 1


@env.task
async def slow(gate: str) -> int:
    """It waits until the gate is there."""
    print("slow begins")
    while not Path(gate).exists():
        await asyncio.sleep(0.05)
    return 2


@env.task
async def main(gate: str) -> int:
    return await quick() + await slow(gate)
