"""What blocks its event loop until a gate is open, and what it holds up."""

import asyncio
import os
import time
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="holding_up")


def fit() -> None:
    while not Path(os.environ["GATE"]).exists():
        time.sleep(0.01)


@env.task
async def blocks_when_it_is_closed() -> None:
    """Neither a cancel ends it nor a second one, and what it does when it is closed takes as long as the test likes."""
    print("begins")
    try:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                print("no")
    finally:
        fit()


@env.task
async def train() -> str:
    print("begins", flush=True)
    await asyncio.sleep(0.1)
    fit()
    return "fitted"


@env.task
async def waits() -> str:
    print("begins", flush=True)
    await asyncio.sleep(0.2)
    return "waited"


@env.task
async def blocks_at_once() -> str:
    print("begins", flush=True)
    fit()
    return "fitted"


@env.task
async def sleeps() -> None:
    print("begins", flush=True)
    await asyncio.sleep(900)
