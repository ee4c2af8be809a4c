"""An externally aborted child raises ActionAbortedError in its parent: caught, or not."""

import asyncio

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="abort_caught")


@env.task
async def long_sleeper(sleep_for: float):
    await asyncio.sleep(sleep_for)


@env.task
async def main(n: int, sleep_for: float, catch: bool = True) -> str:
    sleepers = [asyncio.create_task(long_sleeper(sleep_for)) for _ in range(n)]
    try:
        await asyncio.gather(*sleepers)
    except flyte.errors.ActionAbortedError as e:
        if not catch:
            raise
        print(f"Caught: {e}")
        for sleeper in sleepers:
            sleeper.cancel()
        return "One of them was aborted"
    return "All of them slept"


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(main, n=5, sleep_for=30.0)
    print(run.url)
    run.wait()
