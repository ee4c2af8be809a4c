"""Runs uv, and passes on what it prints, line by line. A cancel kills it, and what it has started, before it goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import uv

MOST_LINES = 2000  # of its output that are kept
MAX_LINE_BYTES = 64 * 1024


class Done(NamedTuple):
    """code: its exit code. lines: what it has printed, the last of it when that was much."""

    code: int
    lines: list[str]


async def run(
    arguments: Sequence[str],
    variables: Mapping[str, str],
    *,
    folder: str | None = None,
    say: Callable[[str], None] | None = None,
) -> Done:
    """Run `uv ARGUMENTS` to its end. say: called with each line while it runs."""
    return await run_program([uv.find_uv_bin(), *arguments], variables, folder=folder, say=say)


async def run_program(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    folder: str | None = None,
    say: Callable[[str], None] | None = None,
) -> Done:
    """The same for another program."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=STDOUT, env=dict(variables), cwd=folder,
        start_new_session=True, limit=MAX_LINE_BYTES,
    )  # fmt: skip
    lines: deque[str] = deque(maxlen=MOST_LINES)
    try:
        assert process.stdout is not None
        async for line in _lines(process.stdout):
            lines.append(line)
            if say is not None:
                say(line)
        return Done(await process.wait(), list(lines))
    finally:
        await _kill(process)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await stream.readuntil()
        except asyncio.IncompleteReadError as end:
            line = end.partial
        except asyncio.LimitOverrunError as long:
            line = await stream.readexactly(long.consumed)
        if not line:
            return
        yield line.decode(errors="replace").rstrip("\r\n")


async def _kill(process: Process) -> None:
    """If it runs, end it with what it has started, and wait until it has ended."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    while process.returncode is None:
        with suppress(asyncio.CancelledError):  # a second cancel must not leave it behind
            await process.wait()
