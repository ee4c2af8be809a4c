"""User code for the executor's tests. `gate` is the tests' hand on time: an action waits there until a file is written."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="held")


async def gate(path: str) -> None:
    while not Path(path).exists():
        await asyncio.sleep(0.005)


@env.task
async def double(n: int) -> int:
    return n * 2


@env.task
async def nothing(n: int) -> None:
    pass


@env.task
async def nested(n: int) -> int:
    return await double(n) + 1


@env.task
async def fan_out(n: int) -> int:
    return sum(await asyncio.gather(*[nested(i) for i in range(n)]))


@env.task
async def fan_out_nothing(n: int) -> None:
    await asyncio.gather(*[nothing(i) for i in range(n)])


@env.task
async def failing(message: str) -> int:
    raise ValueError(message)


@env.task
async def fails_oddly() -> None:
    raise ValueError("half \ud800 a pair")


@env.task
async def catches_failure() -> str:
    try:
        await failing("I will fail!")
    except flyte.errors.RuntimeUserError as error:
        return f"{type(error).__name__} {error.code} {error}"
    return "no error"


@env.task
async def prints_at_once(size: int) -> int:
    print(("x" * 99 + "\n") * (size // 100), end="")
    return size


@env.task
async def fails_at_length(size: int) -> int:
    raise ValueError("it begins so: " + "é" * (size // 2) + " and ends so")


@env.task
async def logs_everything(n: int) -> int:
    logging.basicConfig(level=logging.DEBUG, force=True)
    return sum(await asyncio.gather(*(double(i) for i in range(n))))


@env.task
async def with_a_large_child(size: int) -> str:
    large = double.override(env_vars={"LARGE": "x" * size})
    try:
        return str(await large(1))
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"


@env.task
async def sleeper(n: int) -> int:
    try:
        print(f"sleeper {n} began")
        await asyncio.sleep(3600)
    except asyncio.CancelledError as cancelled:
        print(f"sleeper {n} got {cancelled.args}")
        raise
    return n


@env.task
async def stubborn() -> str:
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        return "went on"
    return "slept"


@env.task
async def gathers_sleepers(n: int) -> list[str]:
    results = await asyncio.gather(*[sleeper(i) for i in range(n)], return_exceptions=True)
    return [
        f"{isinstance(r, flyte.errors.ActionAbortedError)} {r.code} {r.action} {r.actor} {r.reason} {r.cause}"
        if isinstance(r, BaseException)
        else str(r)
        for r in results
    ]


@env.task
async def leaves_a_sleeper_behind() -> str:
    left = asyncio.create_task(sleeper(0))
    await asyncio.sleep(0)
    os.environ["LEFT"] = str(id(left))
    await gate(os.environ["GATE"])
    return "done"


@env.task
async def cancels_sleepers(n: int) -> str:
    tasks = [asyncio.create_task(sleeper(i)) for i in range(n)]
    await gate(os.environ["GATE"])
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return " ".join(type(result).__name__ for result in results)


@env.task
async def cancels_before_it_is_sent() -> str:
    task = asyncio.create_task(sleeper(0))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return "done"


@env.task
async def awaits_something_cancelled() -> None:
    task = asyncio.create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)
    task.cancel()
    await task


@env.task
async def talks(n: int) -> str:
    print(f"out {n} a")
    print(f"err {n}", file=sys.stderr)
    print(f"no newline {n}", end="")
    await asyncio.sleep(0)
    sys.stdout.buffer.write(b"!\n")
    flyte.logger.warning(f"log {n}")
    await asyncio.to_thread(print, f"thread {n}")
    context = flyte.ctx()
    return (
        f"{os.environ['ACTION_NAME']} {os.environ['RUN_NAME']} {context.attempt_number} {context.action.name}"
    )


@env.task
async def talk_together(n: int) -> list[str]:
    return list(await asyncio.gather(*[talks(i) for i in range(n)]))


@env.task
async def exits() -> None:
    sys.exit(3)


@env.task
async def blocks(seconds: float) -> None:
    print("blocking")
    time.sleep(seconds)


@env.task
def square(n: int) -> int:
    print(f"square of {n}")
    return n * n


@env.task
def fails_plainly(message: str) -> int:
    raise ValueError(message)


@env.task
def plain_sleeper(n: int) -> int:
    print(f"pid {os.getpid()}")
    time.sleep(3600)
    return n


@env.task
def plain_sleeper_with_a_process() -> None:
    process = subprocess.Popen(["sleep", "3600"])
    print(f"pid {os.getpid()}\npid {process.pid}")
    process.wait()


@env.task
def plain_talk() -> list[str]:
    import runs

    print("out é")
    print("err", file=sys.stderr)
    os.write(1, b"raw \xff")
    os.system("echo from a subprocess")
    flyte.logger.warning("a log record")
    secrets = [name for name, value in os.environ.items() if "FLYTEUI" in name or "secret-token" in value]
    context = flyte.ctx()
    return [
        runs.WHOSE,
        os.environ["ACTION_NAME"],
        os.environ["RUN_NAME"],
        str(context.attempt_number),
        *secrets,
    ]


@env.task
async def sums_squares(n: int) -> int:
    return sum(await asyncio.gather(*[square.aio(i) for i in range(n)]))


@env.task
async def awaits_sleeper() -> int:
    return await sleeper(0)


@env.task
async def looks_around() -> list[str]:
    import runs  # the bundle's own, although the executor's package has this name too

    main = sys.modules["__main__"]
    secrets = [name for name, value in os.environ.items() if "FLYTEUI" in name or "secret-token" in value]
    return [runs.WHOSE, f"{main.__name__} {getattr(main, '__file__', None)}", *secrets]
