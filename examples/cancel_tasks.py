"""A child fails; its parent catches that, cancels the other children and returns."""

import asyncio

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="cancel")


@env.task
async def sleepers(f: float, n: int):
    await asyncio.sleep(f)


@env.task
async def failing_task(f: float):
    raise ValueError("I will fail!")


@env.task
async def main(n: int, f: float):
    children = [asyncio.create_task(sleepers(f, i)) for i in range(n)]
    await asyncio.sleep(f)
    try:
        await failing_task(f)
        await asyncio.gather(*children)
    except flyte.errors.RuntimeUserError as e:
        if e.code != "ValueError":
            raise
        print(f"{e.code}: {e}. The {len(children)} sleepers are not needed any more.")
        for child in children:
            child.cancel()


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(main, n=30, f=10.0)
    print(run.url)
    run.wait()
