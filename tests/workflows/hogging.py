"""Native code that keeps Python's lock, so that nothing else in its process runs, not even what links it to the server."""

import asyncio
import mmap
from itertools import repeat
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="hogging")


def keep_lock(book: str) -> None:
    """Until the first byte of a file is not 0. No line of Python runs meanwhile."""
    with Path(f"{book}.lock").open("r+b") as file, mmap.mmap(file.fileno(), 1) as memory:
        any(map(memory.__getitem__, repeat(0)))


@env.task
async def hogs(book: str) -> str:
    while len(Path(book).read_text().split()) < 2:
        await asyncio.sleep(0.01)
    keep_lock(book)
    return "kept it"


@env.task
async def hogs_in_thread(book: str) -> str:
    while len(Path(book).read_text().split()) < 2:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(keep_lock, book)
    return "kept it"


@env.task
async def innocent(book: str, number: int) -> str:
    """`number`: of a gate. Whoever has begun is in the book."""
    with Path(book).open("a") as lines:
        lines.write(f"{number}\n")
    while not Path(f"{book}.gate").exists():
        await asyncio.sleep(0.01)
    return "fine"


@env.task
async def main(book: str, in_thread: bool = False) -> str:
    hog = hogs_in_thread if in_thread else hogs
    ends = await asyncio.gather(hog(book), innocent(book, 1), innocent(book, 2), return_exceptions=True)
    return " ".join(end if isinstance(end, str) else type(end).__name__ for end in ends)
