"""Coroutines that tests run alone, each in a process and an event loop of its own. `gate` is a file: the tests' hand on time."""

import asyncio
import os
import sys
import time
from pathlib import Path

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="alone")


async def seen(file: str) -> None:
    while not Path(file).exists():
        await asyncio.sleep(0.01)


@env.task
async def sleeper(n: int) -> int:
    try:
        print(f"pid {os.getpid()}")
        await asyncio.sleep(3600)
    except asyncio.CancelledError as cancelled:
        print(f"cancelled: {cancelled.args[0]}")
        raise
    finally:
        await asyncio.sleep(0.1)
        print("cleaned up")
    return n


@env.task
async def double(n: int) -> int:
    print(f"pid {os.getpid()}")
    return 2 * n


@env.task
async def fails(how: str) -> int:
    if how == "exit":
        sys.exit("so be it")
    raise ValueError("no")


@env.task
async def ways_of_children(gate: str) -> str:
    """A child of each fate; `outside` is for the test to abort."""
    with flyte.group("many"):
        doubles = await asyncio.gather(*[double(n) for n in range(4)])
    failed = await asyncio.gather(fails("raise"), fails("exit"), return_exceptions=True)
    by_hand, outside = asyncio.create_task(sleeper(1)), asyncio.create_task(sleeper(2))
    never = asyncio.create_task(sleeper(3))
    never.cancel()
    await seen(gate)
    by_hand.cancel()
    ends = await asyncio.gather(by_hand, outside, never, return_exceptions=True)
    try:
        async with asyncio.timeout(1):
            await sleeper(4)
    except TimeoutError as timed_out:
        ends.append(timed_out)
    print(f"failed: {[(type(one).__name__, one.code, str(one)) for one in failed]}")
    aborted = ends[1]
    print(f"aborted: {aborted.action} {aborted.reason} ({aborted.cause})")
    return f"{doubles} {[type(end).__name__ for end in ends]}"


@env.task
async def does_not_catch() -> int:
    return await sleeper(5)


@env.task
async def leaves_tasks(gate: str) -> str:
    """A child that nobody awaits any more, and a task that refuses to stop for a while."""
    left = asyncio.create_task(sleeper(6))
    refusing = asyncio.create_task(refuses_once())
    await seen(gate)
    return f"{left.done()} {refusing.done()}"


async def refuses_once() -> None:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError as cancelled:
        print(f"left behind: {cancelled.args[0]}")
        await asyncio.sleep(3600)


@env.task
async def refuses(how: str) -> None:
    if how == "at once":
        await double(1)
    print(f"pid {os.getpid()}")
    while True:
        try:
            if how == "blocks":
                time.sleep(3600)
            await asyncio.sleep(3600)
        except asyncio.CancelledError as cancelled:
            print(f"not now: {cancelled.args[0]}")
            if how == "gives in":
                how = "has given in"
            elif how != "for ever":
                break


@env.task
async def waits_in_thread() -> None:
    try:
        print(f"pid {os.getpid()}")
        await asyncio.to_thread(time.sleep, 3600)
    finally:
        print("cleaned up")


@env.task(retries=1)
async def tries_again_and_starts_a_run() -> str:
    checkpoint = flyte.ctx().checkpoint
    before = await checkpoint.load()
    if before is None:
        await checkpoint.save(b"the first attempt")
        raise ValueError("once")
    run = await flyte.with_runcontext(mode="remote").run.aio(double, n=3)
    await run.wait.aio(quiet=True)
    return f"{before.read_text()} {run.outputs()[0]} {os.environ['ACTION_NAME']}"


@env.task
def keeps_its_slot(started: str) -> None:
    try:
        Path(started).touch()
        time.sleep(3600)
    finally:
        time.sleep(5)


@env.task
async def cancels_and_ends(started: str) -> None:
    """Its children are cancelled while another process has the only slot, which it would need to go on."""
    children = [asyncio.create_task(keeps_its_slot.aio(started))]
    await seen(started)
    children += [asyncio.create_task(sleeper(n)) for n in range(2)]
    await asyncio.sleep(2)
    for child in children:
        child.cancel()
