"""Plain functions that take memory and processor time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="hungry", resources=flyte.Resources(memory="256Mi"))
unlimited = env.clone_with("unlimited", resources=flyte.Resources())
TAKE = "import sys, time; block = bytearray(int(sys.argv[1])); block[::4096] = b'x' * len(block[::4096]); time.sleep(3600)"


def take(megabytes: int) -> bytearray:
    block = bytearray(megabytes * 2**20)
    block[::4096] = b"x" * len(block[::4096])
    return block


@env.task
def takes(megabytes: int) -> int:
    block = take(megabytes)
    print("took it")
    if megabytes > 256:
        time.sleep(3600)
    return len(block)


@env.task
def takes_in_a_subprocess(megabytes: int) -> None:
    subprocess.run([sys.executable, "-c", TAKE, str(megabytes * 2**20)], check=True)


@unlimited.task
def takes_and_computes(megabytes: int) -> int:
    block = take(megabytes)
    until = time.process_time() + 0.5
    while time.process_time() < until:
        pass
    return len(block)


@unlimited.task
def holds(megabytes: int, gate: str) -> int:
    block = take(megabytes)
    while not Path(gate).exists():
        time.sleep(0.05)
    return len(block)
