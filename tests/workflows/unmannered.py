"""Tasks that disturb those with which they share a process, each in its way."""

import asyncio
import ctypes
import os
import subprocess
import time
from pathlib import Path

import flyte
import flyte.errors

env = flyte.TaskEnvironment(name="unmannered")


@env.task
async def leaves() -> int:
    subprocess.Popen(["sleep", "600"])
    return os.getpid()


@env.task
async def changes() -> int:
    os.umask(0o77)
    return os.getpid()


@env.task
async def blocks() -> int:
    time.sleep(1.5)
    return os.getpid()


@env.task
async def blocks_briefly() -> int:
    time.sleep(0.9)
    return os.getpid()


@env.task
async def main() -> str:
    places = [await leaves(), await changes(), await blocks_briefly(), await blocks()]
    return " ".join("shared" if place == os.getpid() else "alone" for place in places)


@env.task
async def dies(book: str) -> None:
    while not Path(book).exists():
        await asyncio.sleep(0.01)
    ctypes.string_at(0)


@env.task
async def dies_in_thread(book: str) -> None:
    while not Path(book).exists():
        await asyncio.sleep(0.01)
    await asyncio.to_thread(ctypes.string_at, 0)


@env.task
async def innocent(book: str) -> int:
    with Path(book).open("a") as lines:
        lines.write("begun\n")
    await asyncio.sleep(1)
    return len(Path(book).read_text().split())


@env.task
async def beside_one_that_dies(book: str, in_thread: bool = False) -> str:
    task = dies_in_thread if in_thread else dies
    died, begun = await asyncio.gather(task(book), innocent(book), return_exceptions=True)
    assert isinstance(died, flyte.errors.BaseRuntimeError), repr(died)
    return f"{died.code} {begun}"
