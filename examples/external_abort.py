"""Somebody aborts a child from outside; its parent sees that, and goes on with the others."""

import asyncio

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="external_abort")


@env.task
async def long_sleeper(sleep_for: float):
    await asyncio.sleep(sleep_for)


@env.task
async def main(n: int, sleep_for: float) -> str:
    sleepers = [long_sleeper(sleep_for) for _ in range(n)]
    for number, result in enumerate(await asyncio.gather(*sleepers, return_exceptions=True)):
        if isinstance(result, flyte.errors.ActionAbortedError):
            print(f"Sleeper {number} was stopped from outside: {result}")
        else:
            print(f"Sleeper {number} slept to the end")
    return "Hello World!"


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(main, n=10, sleep_for=30.0)
    print(run.url)
    run.wait()
