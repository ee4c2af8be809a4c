"""Tasks that declare more than this server honours, and some that ask for what no executor has."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import flyte
from flyte.extras import ContainerTask, Sleep


@dataclass
class Board:
    """A link, as a plugin for tracking experiments gives its tasks."""

    name: str = "Board"
    icon_uri: str = ""

    def get_link(self, run_name: str, project: str, domain: str, action_name: str, **_: object) -> str:
        return f"https://boards.example/{project}/{domain}/{run_name}/{action_name}"


greedy = flyte.TaskEnvironment(
    name="greedy",
    resources=flyte.Resources(cpu=1, memory="512Mi", gpu="T4:1"),
    env_vars={"COLOUR": "green"},
    queue="night",
    interruptible=True,
)
sleepy = flyte.TaskEnvironment(name="sleepy", plugin_config=Sleep())
roomy = flyte.TaskEnvironment(name="roomy", reusable=flyte.ReusePolicy(replicas=2, idle_ttl=60))
echo = ContainerTask(name="echo", image="alpine:3", command=["echo", "hello"])
contained = flyte.TaskEnvironment.from_task("contained", echo)
main_env = flyte.TaskEnvironment(name="declaring", depends_on=[greedy, sleepy, roomy, contained])


@greedy.task(links=(Board(),))
async def shown() -> str:
    return os.environ["COLOUR"]


@sleepy.task
async def nap() -> None:
    """A backend of Flyte would sleep here."""


@roomy.task
async def reused() -> int:
    return 1


@main_env.task
async def main() -> str:
    await reused()
    ended = await asyncio.gather(nap(), echo(), return_exceptions=True)
    codes = {error.code for error in ended if isinstance(error, flyte.errors.RuntimeUserError)}
    return f"{await shown()}: {ended[1]} {codes}"


@main_env.task(cache=flyte.Cache(behavior="auto", salt=os.environ.get("SALT", "")))
async def salted(count: str) -> int:
    with Path(count).open("a") as lines:
        lines.write("ran\n")
    return 1


@main_env.task
async def leaf(folder: str, number: int) -> int:
    """Run until the test says that it may end; leave a file while running."""
    mark, gate = Path(folder, f"leaf{number}"), Path(folder, "gate")
    mark.touch()
    while not gate.exists():
        await asyncio.sleep(0.02)
    return number


@main_env.task
async def branch(folder: str, number: int) -> int:
    return sum(await asyncio.gather(*[leaf(folder, 10 * number + one) for one in range(2)]))


@main_env.task
async def tree(folder: str) -> int:
    return sum(await asyncio.gather(*[branch(folder, one) for one in range(2)]))


@main_env.task(report=True)
async def reporting() -> int:
    await flyte.report.replace.aio("<h1>All is well</h1>")
    await flyte.report.flush.aio()
    return 1


if __name__ == "__main__":
    import flyte.remote

    flyte.init_from_config()
    print(flyte.remote.Run.get(os.environ["RUN"]).get_report())
