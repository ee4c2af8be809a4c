"""Plain functions, one of which calls the other."""

import os

import flyte

env = flyte.TaskEnvironment(name="plain")


@env.task
def inner(x: int) -> int:
    print(f"plain inner in process {os.getpid()}")
    return x * 2


@env.task
def main() -> int:
    print(f"plain main in process {os.getpid()}")
    return inner(21)
