"""A first look: a run with groups, a failure that is caught, children that wait to be aborted, and nested children."""

import asyncio
import random

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="demo")


@env.task
async def load(shard: int) -> int:
    print(f"Loading shard {shard}")
    await asyncio.sleep(0.5 + shard / 4)
    return shard * 100


@env.task
async def train(epoch: int, rows: int) -> float:
    for step in range(20):
        print(f"epoch {epoch} step {step} loss {random.random() / (epoch + 1):.4f}")
        await asyncio.sleep(0.3)
    return rows / (epoch + 1)


@env.task
async def search(trials: int, seconds: float) -> int:
    waiting = [asyncio.create_task(trial(number, seconds)) for number in range(trials)]
    done = await asyncio.gather(*waiting, return_exceptions=True)
    aborted = sum(isinstance(one, flyte.errors.ActionAbortedError) for one in done)
    print(f"{aborted} of {trials} trials were aborted")
    return trials - aborted


@env.task
async def trial(number: int, seconds: float) -> float:
    try:
        print(f"Trial {number} runs for {seconds:.0f} s. Abort me!")
        await asyncio.sleep(seconds + number)
    finally:
        print(f"Trial {number} cleans up")
    return random.random()


@env.task
async def check(name: str) -> None:
    await asyncio.sleep(1)
    raise ValueError(f"{name} has 3 rows without a label")


@env.task
async def main(trials: int = 8, seconds: float = 300.0) -> str:
    with flyte.group("load"):
        rows = await asyncio.gather(*[load(shard) for shard in range(6)])
    try:
        await check("shard 4")
    except flyte.errors.RuntimeUserError as e:
        print(f"Going on without it: {e}")
    with flyte.group("train"):
        await asyncio.gather(*[train(epoch, sum(rows)) for epoch in range(3)])
    kept = await search(trials, seconds)
    return f"{kept} trials kept"


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(main)
    print(run.url)
    run.wait()
