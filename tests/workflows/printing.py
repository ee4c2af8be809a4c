"""Prints, and ends soon."""

import asyncio

import flyte

env = flyte.TaskEnvironment(name="printing")


@env.task
async def main() -> int:
    print("the first line")
    await asyncio.sleep(1)
    print("the last line")
    return 7


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(main)
    print(run.url)
    run.wait()
