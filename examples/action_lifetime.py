"""What happens to actions that still run when their root returns: they are aborted, and may clean up."""

import asyncio

import flyte

env = flyte.TaskEnvironment(name="action_lifetime")


@env.task
async def do_something():
    print("do_something begins")
    await asyncio.sleep(5)
    print("do_something ends")


@env.task
async def sleep_for(seconds: int):
    print(f"sleep_for sleeps {seconds} s")
    try:
        await asyncio.sleep(seconds)
        await do_something()
    except asyncio.CancelledError:
        print("sleep_for was cancelled")
        return


@env.task
async def main(seconds: int):
    print("Main starts")
    asyncio.create_task(sleep_for(seconds))
    await asyncio.sleep(10)
    print("Main finished")


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(main, seconds=30)
    print(run.url)
    run.wait()
