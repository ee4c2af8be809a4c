"""Where it runs, a module is missing that the client has no need of."""

import os

import flyte

if "ACTION_NAME" in os.environ:
    import flyteui_has_no_such_module  # noqa: F401

env = flyte.TaskEnvironment("missing")


@env.task
async def main() -> str:
    return "never"
