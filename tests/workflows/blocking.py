"""An `async def` task that blocks its event loop while it waits for its own children."""

import flyte

env = flyte.TaskEnvironment(name="blocking")


@env.task
async def double(x: int) -> int:
    return 2 * x


@env.task
async def main(n: int) -> int:
    return sum(flyte.map(double, list(range(n))))
