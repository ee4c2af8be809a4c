"""Children that wait until the tests put a file at their gate, so that they end when a test says so and not when time has passed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="gated")


@env.task
async def waits(gate: str, number: int) -> int:
    while not Path(gate).exists():
        await asyncio.sleep(0.05)
    return number


@env.task
async def main(gate: str, n: int) -> int:
    ended = await asyncio.gather(*[waits(gate, number) for number in range(n)], return_exceptions=True)
    return len(ended)
