"""Code that writes to descriptors, by itself and through others."""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import flyte

env = flyte.TaskEnvironment(name="writing")
libc = ctypes.CDLL(None)


async def gate(path: str) -> None:
    while not Path(path).exists():
        await asyncio.sleep(0.005)


@env.task
async def writes_everywhere() -> None:
    subprocess.run(["echo", "run"], check=True)
    subprocess.run("echo to stderr >&2", shell=True, check=True)
    subprocess.run(["echo", "to sys.stdout"], check=True, stdout=sys.stdout, stderr=subprocess.STDOUT)
    await (await asyncio.create_subprocess_exec("echo", "asyncio")).wait()
    os.system("echo system")
    os.waitpid(os.posix_spawn("/bin/echo", ["echo", "spawn"], dict(os.environ)), 0)
    pid = os.fork()
    if not pid:
        print("print in a fork")
        os.write(2, b"write in a fork\n")
        os._exit(0)
    os.waitpid(pid, 0)
    context: Any = multiprocessing.get_context("fork")
    worker = context.Process(target=print, args=("worker",))
    worker.start()
    worker.join()
    thread = threading.Thread(target=print, args=("thread",))
    thread.start()
    thread.join()
    os.write(1, b"write\n")
    libc.puts(b"native")
    libc.fflush(None)
    print(
        subprocess.run(["echo", "kept for itself"], check=True, capture_output=True, text=True).stdout.upper()
    )


@env.task
async def echoes(gate: str) -> None:
    """Among others that do the same."""
    while not Path(gate).exists():
        process = await asyncio.create_subprocess_exec("sh", "-c", "echo $RUN_NAME")
        await process.wait()


@env.task
async def writes_natively(go: str) -> None:
    await gate(go)
    libc.write(1, b"who was it?\n", 12)


@env.task
async def fills_the_descriptor() -> str:
    """It holds Python's lock, so that no other thread of the process can make room for it."""
    text = b"x" * 1023 + b"\n"
    for _ in range(8 * 1024):
        ctypes.PyDLL(None).write(1, text, len(text))
    return "went on"


@env.task
async def dies() -> None:
    libc.write(2, b"these were its last words\n", 26)
    libc.abort()
