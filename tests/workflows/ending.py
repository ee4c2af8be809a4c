"""What ends, signals or strips the process that it shares, and an innocent that waits until a gate is open."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="ending")


@env.task
async def innocent() -> int:
    print("waits", flush=True)
    while not Path(os.environ["GATE"]).exists():
        await asyncio.sleep(0.01)
    return os.getpid()


def forks_and_exits() -> None:
    if (child := os.fork()) == 0:
        os._exit(3)
    os.waitpid(child, 0)


def alarm() -> None:
    signal.alarm(1)


def each_descriptor(change: Callable[[int], object]) -> Callable[[], None]:
    """Do that to whatever is open, as code does that becomes a daemon or mistakes a number."""

    def change_all() -> None:
        for fd in range(3, 64):
            try:
                change(fd)
            except OSError as problem:
                if "shares" in str(problem):
                    print(problem.errno, problem)

    return change_all


def redirect(fd: int) -> None:
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), fd)


WAYS = {
    "close_each": each_descriptor(os.close),
    "fdopen_each": each_descriptor(lambda fd: os.fdopen(fd).close()),
    "dup2_each": each_descriptor(redirect),
    "exit": lambda: os._exit(3),
    "exit_0": lambda: os._exit(0),
    "abort": os.abort,
    "sys_exit": lambda: sys.exit(4),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "interrupt": lambda: os.kill(os.getpid(), signal.SIGINT),
    "terminate_group": lambda: os.killpg(0, signal.SIGTERM),
    "raise": lambda: signal.raise_signal(signal.SIGUSR1),
    "close_fds": lambda: os.closerange(3, 256),
    "stop": lambda: asyncio.get_running_loop().stop(),
    "close": lambda: asyncio.get_running_loop().close(),
    "cancel_all": lambda: [task.cancel() for task in asyncio.all_tasks() - {asyncio.current_task()}],
    "alarm": alarm,
    "fork": forks_and_exits,
}


@env.task
async def ends(how: str) -> str:
    WAYS[how]()
    return how


@env.task
async def spawns(how: str) -> str:
    async def spawned() -> None:
        WAYS[how]()

    await asyncio.create_task(spawned())
    return how


@env.task
async def cancels_its_own() -> str:
    left = asyncio.create_task(asyncio.sleep(900))
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.wait([left])
    return str(left.cancelled())


@env.task
async def handles(how: str) -> str:
    """Its handler raises: in its own code, or while only code of others runs."""
    got = []

    def handler(number: int, frame: object) -> None:
        got.append(signal.Signals(number).name)
        raise TimeoutError

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        if how == "blocking":
            while True:
                pass
        await asyncio.sleep(0.3)
    except TimeoutError:
        got.append("TimeoutError")
    return " ".join(got)
