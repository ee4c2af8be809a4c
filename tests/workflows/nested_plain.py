"""A plain function, in a process of its own, that starts a run and waits for it."""

import flyte

env = flyte.TaskEnvironment(name="nested-plain")


@env.task
async def inner(n: int) -> int:
    return n


@env.task
def outer() -> str:
    run = flyte.with_runcontext(copy_style="loaded_modules", disable_run_cache=True).run(inner, n=3)
    run.wait(quiet=True)
    return run.name
