"""One task called many times with inputs that differ, from an event loop and from a process of its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="trials")
secretive = flyte.TaskEnvironment(
    name="trials-secretive",
    secrets=[flyte.Secret("TRIALS-TOKEN", as_env_var="TRIALS_TOKEN")],
    depends_on=[env],
)


@env.task
async def trial(number: int, lr: float, split: str = "train", note: str | None = None) -> float:
    return number * lr


@env.task
async def until(gate: str) -> None:
    while not Path(gate).exists():
        await asyncio.sleep(0.05)


@env.task
async def search(gate: str) -> float:
    """Two trials that differ by their number, then one that differs by its rate, too."""
    await asyncio.gather(*(trial(number, 0.1) for number in (1, 2)))
    await until(gate)
    return await trial(3, 0.0005)


@env.task
async def held(number: int, lr: float) -> None:
    """Until it is aborted."""
    await asyncio.sleep(3600)


@env.task
async def hold_all(trials: int) -> int:
    """How many of these trials, whose rates go from 0.1 down to 0.0001, were aborted."""
    rates = [round(0.1 * 0.001 ** (number / (trials - 1)), 6) for number in range(trials)]
    ends = await asyncio.gather(
        *(held(number, lr) for number, lr in enumerate(rates)), return_exceptions=True
    )
    return sum(isinstance(end, BaseException) for end in ends)


@env.task
def weigh(number: int, lr: float, note: str | None = None) -> float:
    return number * lr


@env.task
def weigh_all() -> float:
    """From a plain function, which has a process of its own."""
    return weigh(1, 0.1) + weigh(2, 0.1, note="again")


@secretive.task
async def passes_secrets() -> float:
    token = os.environ["TRIALS_TOKEN"]
    return await trial(1, 0.1, note=f"Bearer {token}") + await trial(2, 0.1, note="none")
