"""Actions that wait for people: conditions of each type, from coroutines and from plain functions."""

import asyncio
import os

import flyte
import flyte.errors
import flyte.report

env = flyte.TaskEnvironment(name="waiting")


@env.task
async def asks_all() -> str:
    ok = await flyte.new_condition.aio("ok", prompt="Is it **fine**?", prompt_type="markdown", data_type=bool)
    size = await flyte.new_condition.aio("size", data_type=int)
    share = await flyte.new_condition.aio("share", data_type=float)
    word = await flyte.new_condition.aio("word", data_type=str)
    answers = await asyncio.gather(ok.wait.aio(), size.wait.aio(), share.wait.aio(), word.wait.aio())
    return " ".join(f"{type(answer).__name__}={answer!r}" for answer in answers)


@env.task
async def asks(who: str) -> str:
    condition = await flyte.new_condition.aio("same name", prompt=who, data_type=str)
    return f"{who} heard {await condition.wait.aio()}"


@env.task
async def two_ask() -> str:
    return " and ".join(await asyncio.gather(asks("one"), asks("two")))


@env.task
def asks_plainly(seconds: float) -> str:
    condition = flyte.new_condition("plain", data_type=int, timeout=seconds)
    try:
        return f"plainly {condition.wait()}"
    except flyte.errors.ConditionTimedoutError as error:
        return f"timed out: {error}"
    except flyte.errors.ActionAbortedError as error:
        return f"aborted by {error.actor}: {error.reason} ({error.cause})"


@env.task
async def asks_briefly(seconds: float) -> str:
    condition = await flyte.new_condition.aio("brief", timeout=seconds)
    try:
        return f"heard {await condition.wait.aio()}"
    except flyte.errors.ConditionTimedoutError as error:
        return f"timed out: {error}"
    except flyte.errors.ActionAbortedError as error:
        return f"aborted by {error.actor}: {error.reason} ({error.cause})"


@env.task(retries=1)
async def asks_and_fails_once() -> str:
    early = await flyte.new_condition.aio("early", data_type=int)
    late = await flyte.new_condition.aio("late", data_type=int)
    answer = await early.wait.aio()
    print(f"early is {answer}", flush=True)
    if flyte.ctx().attempt_number == 0:
        raise ValueError("once")
    return f"{answer} {await late.wait.aio()}"


@env.task
async def asks_twice_and_survives() -> str:
    early = await flyte.new_condition.aio("early", data_type=int)
    late = await flyte.new_condition.aio("late", data_type=int)
    answer = await early.wait.aio()
    print(f"early is {answer} in {os.getpid()}", flush=True)
    return f"{answer} {await late.wait.aio()}"


@env.task(report=True)
async def evaluate(model: str) -> float:
    await flyte.report.replace.aio(f"<h1>How good is {model}?</h1>")
    await flyte.report.flush.aio()
    return 0.93


@env.task
async def publishes(model: str) -> str:
    accuracy = await evaluate(model)
    asks = f"# Publish {model}?\n\nIt reached **{accuracy}**."
    condition = await flyte.new_condition.aio("publish", prompt=asks, prompt_type="markdown", data_type=bool)
    return "published" if await condition.wait.aio() else "kept back"
