"""User code that does not let itself be stopped, each kind beside a neighbour that has done nothing.

`gate` is a folder in which a file says how far somebody is: the tests' hand on time.
"""

from __future__ import annotations

import asyncio
import ctypes
import re
import time
from pathlib import Path

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="refusing")


async def for_ever() -> None:
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            print("swallowed a cancel")


async def refuse_everything() -> None:
    while True:
        try:
            await asyncio.sleep(3600)
        except BaseException as problem:
            print(f"refused {type(problem).__name__}")


async def seen(file: Path) -> None:
    while not file.exists():
        await asyncio.sleep(0.005)


@env.task
async def neighbour(gate: str) -> str:
    print("neighbour began")
    Path(gate, "neighbour").touch()
    await seen(Path(gate, "open"))
    return "went on"


@env.task
async def polite() -> None:
    print("polite began")
    await asyncio.sleep(3600)


@env.task
async def swallows(gate: str) -> None:
    await seen(Path(gate, "neighbour"))
    print("began")
    await for_ever()


@env.task
async def shields(gate: str) -> None:
    await seen(Path(gate, "neighbour"))
    print("began")
    while True:
        try:
            await asyncio.shield(for_ever())
        except asyncio.CancelledError:
            print("shielded")


@env.task
async def refuses(gate: str) -> None:
    await seen(Path(gate, "neighbour"))
    print("began")
    await refuse_everything()


@env.task
async def cleans_up_for_ever(gate: str) -> None:
    await seen(Path(gate, "neighbour"))
    print("began")
    try:
        await asyncio.sleep(3600)
    finally:
        await refuse_everything()


@env.task
async def cleans_up_twice(gate: str) -> None:
    await seen(Path(gate, "neighbour"))
    print("began")
    try:
        await asyncio.sleep(3600)
    finally:
        while True:
            await asyncio.sleep(0.01)


@env.task
async def gathers_refusals(gate: str) -> None:
    await seen(Path(gate, "neighbour"))
    print("began")
    while True:
        try:
            await asyncio.gather(refuse_everything(), for_ever(), return_exceptions=True)
        except asyncio.CancelledError:
            print("gathered again")


@env.task
async def blocks(gate: str) -> None:
    await seen(Path(gate, "neighbour"))
    print("began")
    time.sleep(600)


@env.task
async def spins(gate: str) -> None:
    await seen(Path(gate, "neighbour"))
    print("began")
    while True:
        pass


@env.task
async def starves(gate: str) -> None:
    """C code that does not let go of Python's lock: no other thread of the process gets on."""
    await seen(Path(gate, "go"))
    Path(gate, "starving").touch()
    re.match(r"(a+)+$", "a" * 64 + "b")


@env.task
def plain_and_deaf(gate: str) -> None:
    ctypes.CDLL(None).signal(15, 1)
    print("began")
    time.sleep(3600)


@env.task
async def leaves_refusals_behind(gate: str) -> str:
    await seen(Path(gate, "neighbour"))
    tasks = [asyncio.create_task(refuse_everything()), asyncio.create_task(for_ever())]
    await asyncio.sleep(0)
    return f"{len(tasks)} left"


@env.task
async def main(kind: str, gate: str) -> str:
    """The neighbour and the one that refuses, in one process."""
    refusing = {task.func.__name__: task for task in TASKS}[kind]
    results = await asyncio.gather(neighbour(gate), refusing(gate), return_exceptions=True)
    return f"{results[0]} {type(results[1]).__name__}"


TASKS = [
    swallows,
    shields,
    refuses,
    cleans_up_for_ever,
    cleans_up_twice,
    gathers_refusals,
    blocks,
    spins,
    starves,
]
