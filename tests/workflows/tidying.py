"""A task that takes its time to clean up: until the tests put a file at its gate."""

from __future__ import annotations

import asyncio
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="tidying")


@env.task
async def tidies_up(gate: str) -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        while not Path(gate).exists():
            await asyncio.sleep(0.01)
        print("tidy")


@env.task
async def main(gate: str) -> None:
    await asyncio.gather(tidies_up(gate), return_exceptions=True)
