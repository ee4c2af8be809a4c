"""A run that starts a run, with a sibling that talks to the server while the code of the new one is packed."""

import asyncio
import threading

import flyte
import flyte.remote
from flyte._code_bundle import bundle

env = flyte.TaskEnvironment(name="nested")
begun, answered = threading.Event(), threading.Event()
create = bundle.create_bundle


def create_later(*args, **options):
    """Pack the files once the sibling has its answer."""
    begun.set()
    print(f"packs {'after an answer' if answered.wait(60) else 'while nobody gets an answer'}")
    return create(*args, **options)


@env.task
async def inner(n: int) -> int:
    return n


async def ask() -> None:
    while not begun.is_set():
        await asyncio.sleep(0.001)
    here = flyte.ctx().action
    await flyte.remote.Run.get.aio(here.run_name)
    answered.set()


@env.task
async def outer() -> str:
    bundle.create_bundle = create_later
    with_all = flyte.with_runcontext(copy_style="all", disable_run_cache=True)
    run, _ = await asyncio.gather(with_all.run.aio(inner, n=3), ask())
    await run.wait.aio(quiet=True)
    return run.name
