"""Failures that come from below: passed on as they are, replaced by one's own, caught; in coroutines and in plain functions."""

import flyte

env = flyte.TaskEnvironment(name="passing_on")


@env.task
async def load(day: str) -> int:
    if day == "monday":
        raise ValueError("the column 'price' is missing")
    return 1


@env.task
async def passes(day: str) -> int:
    return await load(day)


@env.task
async def replaces(day: str) -> int:
    try:
        return await load(day)
    except Exception as error:
        raise KeyError("no prices") from error


@env.task
async def main() -> int:
    return await passes("monday")


@env.task
async def own() -> int:
    return await replaces("monday")


@env.task
async def catches() -> int:
    try:
        return await passes("monday")
    except Exception:
        return 0


@env.task
def plain_load(day: str) -> int:
    raise ValueError(f"{day} is broken")


@env.task
def plain_main() -> int:
    return plain_load("monday")
