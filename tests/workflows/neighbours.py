"""Runs of one file that have nothing to do with each other: what one leaves in its process, the other must not find."""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="neighbours")
remembered: list[str] = []
is_dirty = False
# The handler keeps the stderr of the moment in which this module was imported.
logger = logging.getLogger("neighbours")
logger.addHandler(logging.StreamHandler())


def look() -> str:
    mask = os.umask(0)
    os.umask(mask)
    return json.dumps(
        {
            "remembered": remembered,
            "folder": str(Path.cwd()),
            "umask": mask,
            "variable": os.environ.get("LEFT_BEHIND", ""),
            "filters": any(one[0] == "error" and one[2] is ResourceWarning for one in warnings.filters),
            "ignores_signal": signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN,
            "is_dirty": is_dirty,
        }
    )


async def tell(found: str, gate: str) -> str:
    """Say which process this is, wait for the file, and print what was found."""
    print(f"pid {os.getpid()}")
    logger.warning("a logger of the module says so")
    while not Path(gate).exists():
        await asyncio.sleep(0.01)
    print(found)
    return found


@env.task
async def looks(gate: str) -> str:
    """What it finds at its beginning."""
    return await tell(look(), gate)


@env.task
async def changes(gate: str) -> str:
    """Changes all that `looks` looks at."""
    global is_dirty
    found = look()
    remembered.append("something")
    os.chdir("/")
    os.umask(0o077)
    os.environ["LEFT_BEHIND"] = "yes"
    warnings.simplefilter("error", ResourceWarning)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    is_dirty = True
    assert look() != found
    return await tell(found, gate)


@env.task
async def child(how: str, gate: str) -> int:
    while not Path(gate).exists():
        await asyncio.sleep(0.01)
    FAULTS[how]()
    return 0


def flood() -> None:
    for number in range(20):
        print(str(number) * 1_000_000)


FAULTS: dict[str, Callable[[], object]] = {
    "exit": lambda: os._exit(3),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit in C": lambda: ctypes.CDLL(None)._exit(3),
    "segfault": lambda: ctypes.string_at(0),
    "block": lambda: time.sleep(4),
    "flood": flood,
    "descriptors": lambda: os.closerange(3, 200),
}


@env.task(retries=0)
async def misbehaves(how: str, gate: str) -> int:
    """Its child does, once there is such a file."""
    return await child(how, gate)
