"""Tasks whose outputs are kept. Each call that runs leaves a line in the file `count`, so that tests can count them.

As a script it computes `adds` again, whatever is kept, and prints the run's name.
"""

import asyncio
import sys
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="cached")
VERSION = flyte.Cache(behavior="override", version_override="v1", ignored_inputs=("count", "gate"))


def note(count: str, what: str) -> None:
    with Path(count).open("a") as lines:
        lines.write(f"{what}\n")


@env.task(cache=VERSION)
async def adds(count: str, n: int) -> int:
    note(count, f"adds {n}")
    return n + 1


@env.task(cache=VERSION)
def doubles(count: str, n: int) -> int:
    note(count, f"doubles {n}")
    return 2 * n


@env.task(cache=VERSION)
async def fails(count: str, n: int) -> int:
    note(count, f"fails {n}")
    raise ValueError("failures are not kept")


@env.task
async def calls_all(count: str, start: int) -> str:
    sums = await asyncio.gather(*[adds(count, start + i) for i in range(3)])
    doubled = await doubles.aio(count, start)
    failed = await asyncio.gather(fails(count, start), return_exceptions=True)
    return f"{sums} {doubled} {type(failed[0]).__name__}"


@env.task(cache="auto")
async def knows_itself(n: int) -> str:
    return f"computed {n}"


@env.task(
    cache=flyte.Cache(
        behavior="override", version_override="v1", serialize=True, ignored_inputs=("count", "gate")
    )
)
async def one_at_a_time(count: str, gate: str, n: int) -> int:
    note(count, "began")
    while not Path(gate).exists():
        await asyncio.sleep(0.01)
    return n


@env.task
async def calls_one_at_a_time(count: str, gate: str, n: int) -> list[int]:
    return list(await asyncio.gather(*[one_at_a_time(count, gate, 7) for _ in range(n)]))


if __name__ == "__main__":
    flyte.init_from_config()
    print(flyte.with_runcontext(overwrite_cache=True).run(adds, count=sys.argv[1], n=100).url)
