"""A run that fails until the file `cure` is there. Each call that runs leaves a line in the file `count`."""

from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="recovering")


@env.task
async def computes(count: str, n: int) -> int:
    with Path(count).open("a") as lines:
        lines.write(f"computes {n}\n")
    return n * n


@env.task
def computes_plainly(count: str, n: int) -> int:
    with Path(count).open("a") as lines:
        lines.write(f"plainly {n}\n")
    return n + n


@env.task
async def needs_a_cure(count: str, cure: str) -> str:
    with Path(count).open("a") as lines:
        lines.write("needs_a_cure\n")
    return Path(cure).read_text()


@env.task
def needs_a_cure_plainly(count: str, cure: str) -> str:
    return Path(cure).read_text()


@env.task
async def main(count: str, cure: str) -> str:
    squares = [await computes(count, n) for n in (2, 3)]
    doubled = await computes_plainly.aio(count, 4)
    return f"{squares} {doubled} {await needs_a_cure(count, cure)}"


@env.task
def main_plainly(count: str, cure: str) -> str:
    return f"{computes_plainly(count, 5)} {needs_a_cure_plainly(count, cure)}"
