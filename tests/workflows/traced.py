"""Traced functions. Each call leaves a line in the file that `count` names, so that tests can count how often it ran."""

import asyncio
import os
from pathlib import Path

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="traced")


class Hopeless(flyte.errors.NonRecoverableError):
    """Trying again is no use."""


def note(count: str, what: str) -> None:
    with Path(count).open("a") as lines:
        lines.write(f"{what} {os.getpid()}\n")


@flyte.trace
async def adds(count: str, n: int) -> int:
    note(count, f"adds{n}")
    return n + 1


@flyte.trace
async def fails_once(count: str) -> str:
    note(count, "fails_once")
    if Path(count).read_text().count("fails_once") == 1:
        raise ValueError("try again")
    return "fine now"


@flyte.trace
async def is_hopeless(count: str) -> str:
    note(count, "is_hopeless")
    raise Hopeless("never again", "HopelessCode")


@env.task
async def traces_all(count: str) -> str:
    with flyte.group("sums"):
        sums = await asyncio.gather(*[adds(count, n) for n in range(3)])
    problems = []
    for failing in (fails_once, is_hopeless):
        try:
            await failing(count)
        except Exception as error:
            problems.append(type(error).__name__)
    return f"{sums} {problems}"


@env.task(retries=1)
async def tries_again(count: str) -> str:
    added = await adds(count, 1)
    try:
        hopeless = await is_hopeless(count)
    except Exception as error:
        hopeless = f"{type(error).__name__}: {error}"
        note(count, hopeless)
    return f"{added} {await fails_once(count)} {hopeless}"


@env.task
async def outlives_its_process(count: str, gate: str) -> str:
    added = await adds(count, 1)
    print(f"pid {os.getpid()}", flush=True)
    while not Path(gate).exists():
        await asyncio.sleep(0.01)
    return f"{added} {await adds(count, 2)}"


@flyte.trace
def doubles(count: str, n: int) -> int:
    note(count, f"doubles{n}")
    return 2 * n


@env.task(retries=1)
def plain_tries_again(count: str) -> int:
    doubled = doubles(count, 4)
    if flyte.ctx().attempt_number == 0:
        raise ValueError("once")
    return doubled
