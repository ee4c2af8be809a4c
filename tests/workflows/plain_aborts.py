"""Plain functions that sleep for long, wait for each other, and nest."""

import asyncio
import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import flyte
import flyte.errors
import flyte.remote

env = flyte.TaskEnvironment(name="plain_aborts")


@env.task
def sleeper(n: int) -> int:
    try:
        print(f"pid {os.getpid()}")
        time.sleep(600)
    except asyncio.CancelledError as cancelled:
        print(f"cancelled: {cancelled.args[0]}")
        raise
    finally:
        time.sleep(0.2)
        print("cleaned up")
    return n


@env.task(timeout=timedelta(seconds=1))
def outlasts_its_limit() -> None:
    sleeper.func(0)


@env.task
def starts_a_daemon() -> None:
    daemon = subprocess.Popen(["sleep", "600"], start_new_session=True, env={})
    print(f"pid {os.getpid()}\npid {daemon.pid}")
    time.sleep(600)


@env.task
def refuses() -> None:
    signal.signal(signal.SIGTERM, lambda *_: print("not at SIGTERM either"))
    while True:
        try:
            print(f"pid {os.getpid()}")
            time.sleep(600)
        except asyncio.CancelledError:
            print("not now")


@env.task
async def leaves_a_sleeper() -> None:
    child = asyncio.create_task(sleeper.aio(0))
    while not Path(os.environ["GATE"]).exists():
        await asyncio.sleep(0.05)
    assert not child.done()


@env.task
def waits() -> int:
    print(f"pid {os.getpid()}")
    return sleeper(0)


@env.task
def catches() -> str:
    try:
        sleeper(0)
    except flyte.errors.ActionAbortedError as error:
        print(
            f"{error.action} {error.actor} {error.reason} {error.cause} {error.requested_at.timestamp():.0f}"
        )
        return "went on"
    return "nothing happened"


@env.task
def does_not_catch() -> int:
    return sleeper(0)


@env.task
def leaf(n: int) -> int:
    return n * 2


@env.task
def middle(n: int) -> int:
    return leaf(n) + leaf(n + 1)


@env.task
async def nests(n: int) -> int:
    return sum(await asyncio.gather(*[middle.aio(i) for i in range(n)]))


@env.task
def waits_for_a_run(n: int, depth: int) -> int:
    """Runs that tasks start are of one pool: the client gives them other variables than the shell gave the first."""
    if depth == 0:
        return n * 2
    task = flyte.remote.Task.get("plain_aborts.waits_for_a_run", auto_version="latest")
    run = flyte.with_runcontext(mode="remote").run(task, n=n, depth=depth - 1)
    run.wait(quiet=True)
    return run.outputs()[0]


@env.task
async def waits_for_runs(n: int) -> int:
    return sum(await asyncio.gather(*[waits_for_a_run.aio(i, 2) for i in range(n)]))
