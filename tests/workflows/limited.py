"""Tasks that run longer, wait longer or end later than their `timeout` allows, and parents that hear of it."""

import asyncio
import time
from datetime import timedelta

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="limited")
# Another environment variable makes another pool, which needs an executor of its own; one of the SDK's needs a process that
# imports the SDK first, which takes longer than `SHORT`.
elsewhere = flyte.TaskEnvironment(name="elsewhere", env_vars={"FLYTE_WHERE": "elsewhere"})
env.add_dependency(elsewhere)

SHORT = timedelta(milliseconds=500)


def say(error: BaseException) -> str:
    print(f"heard {type(error).__name__}: {error}", flush=True)
    return type(error).__name__


async def sleep_and_say_how_it_ends(what: str) -> str:
    try:
        print(f"{what} began", flush=True)
        await asyncio.sleep(600)
    except asyncio.CancelledError as cancelled:
        print(f"{what} was cancelled: {cancelled.args[0]}", flush=True)
        raise
    finally:
        await asyncio.sleep(0.01)
        print(f"{what} cleaned up", flush=True)
    return what


@env.task(timeout=SHORT)
async def runs_too_long() -> str:
    return await sleep_and_say_how_it_ends("runs_too_long")


@env.task(timeout=SHORT)
def blocks_too_long() -> str:
    time.sleep(600)
    return "slept"


@env.task(timeout=flyte.Timeout(deadline=SHORT), retries=3)
async def misses_its_deadline() -> str:
    return await sleep_and_say_how_it_ends("misses_its_deadline")


@env.task(timeout=SHORT, retries=1)
async def needs_two_attempts() -> str:
    if flyte.ctx().attempt_number == 0:
        await sleep_and_say_how_it_ends("first attempt")
    return "second attempt"


@env.task
async def hears_of_limits() -> list[str]:
    children = runs_too_long(), blocks_too_long.aio(), misses_its_deadline(), needs_two_attempts()
    ends = await asyncio.gather(*children, return_exceptions=True)
    return [end if isinstance(end, str) else say(end) for end in ends]


@env.task
def hears_plainly() -> str:
    try:
        return blocks_too_long()
    except flyte.errors.MaxRuntimeExceededError as error:
        return say(error)


@elsewhere.task(timeout=flyte.Timeout(max_queued_time=SHORT))
async def waits_too_long() -> str:
    return "nobody runs me"


@env.task
async def hears_of_the_queue() -> str:
    try:
        return await waits_too_long()
    except flyte.errors.MaxQueuedTimeExceededError as error:
        return say(error)
