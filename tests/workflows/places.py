"""User code that says where it runs."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="places")


def facts(names: str) -> str:
    """names: modules, of which it says which can be imported."""
    return json.dumps(
        {
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "flyte": metadata.version("flyte"),
            "iniconfig": metadata.version("iniconfig"),
            "prefix": sys.prefix,
            "modules": [name for name in names.split() if importlib.util.find_spec(name)],
            "variable": os.environ.get("PLACE", ""),
            "path": os.environ["PATH"].split(os.pathsep)[0],
            "file": Path("words.txt").read_text() if Path("words.txt").exists() else "",
            "attempt": os.environ.get("FLYTE_ATTEMPT_NUMBER", ""),
        }
    )


@env.task
async def tells(names: str) -> str:
    return facts(names)


@env.task
def tells_plainly(names: str) -> str:
    return facts(names)


@env.task
async def imports(name: str) -> str:
    return importlib.import_module(name).__name__


@env.task
async def waits() -> None:
    print("pid", os.getpid(), flush=True)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError as cancelled:
        print("caught", cancelled)
        raise
    finally:
        await asyncio.sleep(0)
        print("cleaned up")


@env.task
def waits_plainly() -> None:
    print("pid", os.getpid(), flush=True)
    try:
        time.sleep(1000)
    except asyncio.CancelledError as cancelled:
        print("caught", cancelled)
        raise
    finally:
        print("cleaned up")


def says_who_is_there() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"]
    )
    print("pid", os.getpid(), flush=True)
    print("pid", child.pid, flush=True)


@env.task
async def refuses() -> None:
    says_who_is_there()
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("refused", flush=True)


@env.task
def refuses_plainly() -> None:
    says_who_is_there()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            time.sleep(1000)
        except asyncio.CancelledError:
            print("refused", flush=True)
