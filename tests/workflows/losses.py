"""Some of what trains goes wrong, and only its log says so."""

from __future__ import annotations

import asyncio

import flyte

env = flyte.TaskEnvironment(name="losses")


@env.task
async def train(number: int) -> None:
    loss = "nan" if number % 2 else "0.1"
    print(f"loss is {loss}")
    try:
        await asyncio.sleep(3600)
    finally:
        print(f"{loss} until the end")


@env.task
async def main(n: int) -> None:
    await asyncio.gather(*(train(number) for number in range(n)), return_exceptions=True)
