"""A flow whose tasks run in environments of their own: with another Python, with an older flyte, with none that is there."""

from __future__ import annotations

import asyncio
import sys
import time
from importlib import metadata

import flyte
import flyte.errors

new = flyte.TaskEnvironment(name="new", image="flyteui.local/new:1")
old = flyte.TaskEnvironment(name="old", image="flyteui.local/old:1")
gone = flyte.TaskEnvironment(name="gone", image="flyteui.local/gone:1")
env = flyte.TaskEnvironment(name="environments", depends_on=[new, old, gone])


def facts() -> str:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{python} flyte {metadata.version('flyte')} iniconfig {metadata.version('iniconfig')}"


@new.task
async def says_new() -> str:
    return facts()


@old.task
def says_old() -> str:
    return facts()


@old.task
async def asks_both() -> list[str]:
    """An older flyte calls a task of its own environment and one of another."""
    return list(await asyncio.gather(says_old.aio(), says_new()))


@old.task
def sleeps() -> None:
    print("asleep", flush=True)
    try:
        time.sleep(1000)
    finally:
        print("cleaned up", flush=True)


@old.task
async def holds() -> str:
    try:
        await sleeps.aio()
    except flyte.errors.ActionAbortedError as aborted:
        print(f"aborted by {aborted.actor}: {aborted.reason} ({aborted.cause})", flush=True)
    await sleeps.aio()
    return "not reached"


@gone.task
async def nowhere() -> None:
    pass


@env.task
async def everywhere() -> list[str]:
    return [*await asks_both(), await says_new()]


@env.task
async def long() -> str:
    return await holds()


@env.task
async def lost() -> None:
    await nowhere()
