"""Sleepers that outlast the failure of their sibling."""

import asyncio

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="outlasting")


@env.task
async def sleeper(number: int):
    try:
        await asyncio.sleep(600)
    finally:
        await asyncio.sleep(0.01)
        print("cleaned up")


@env.task
async def failing():
    raise ValueError("I will fail!")


@env.task
async def main(n: int):
    children = [asyncio.create_task(sleeper(i)) for i in range(n)]
    await asyncio.sleep(2)
    try:
        await failing()
    except flyte.errors.RuntimeUserError as e:
        if e.code != "ValueError":
            raise
        for child in children:
            child.cancel()
