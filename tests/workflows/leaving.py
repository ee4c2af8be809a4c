"""Coroutines that start threads and processes, by each of Python's ways, and end before them.

What they start holds a lock of the file `beat` in the folder `gate` for as long as it lives.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import fcntl
import multiprocessing
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import flyte

env = flyte.TaskEnvironment(name="leaving")
Way = Callable[[str], Awaitable[None]]
KEPT: list[object] = []  # so that nothing ends because it is collected

BEAT = """
import fcntl, sys, time
held = open(sys.argv[1], "a")
fcntl.flock(held, fcntl.LOCK_SH)
print("locked", file=held, flush=True)
while True:
    time.sleep(0.01)
"""
# Ends its parents, and leaves their session and variables, as a daemon does.
DAEMON = """
import os, sys
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.execve(sys.executable, [sys.executable, "-c", sys.argv[2], sys.argv[1]], {})
"""


@contextmanager
def locked(file: str) -> Iterator[None]:
    with open(file, "a") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        print("locked", file=held, flush=True)
        yield


def beat(file: str) -> None:
    with locked(file):
        while True:
            time.sleep(0.01)


async def beating(gate: str) -> None:
    """Return when it lives."""
    file = Path(gate, "beat")
    while not (file.exists() and file.stat().st_size):
        await asyncio.sleep(0.005)
    print("it beats")


def command(file: str) -> list[str]:
    return [sys.executable, "-c", BEAT, file]


def shell(file: str) -> str:
    return shlex.join(command(file))


async def popen(file: str) -> None:
    KEPT.append(subprocess.Popen(command(file)))


async def popen_without_variables(file: str) -> None:
    KEPT.append(subprocess.Popen(["/bin/sh", "-c", shell(file)], env={}, start_new_session=True))


async def system(file: str) -> None:
    os.system(f"({shell(file)}) &")


async def asyncio_exec(file: str) -> None:
    KEPT.append(await asyncio.create_subprocess_exec(*command(file)))


async def asyncio_shell(file: str) -> None:
    KEPT.append(await asyncio.create_subprocess_shell(shell(file)))


async def posix_spawn(file: str) -> None:
    os.posix_spawn(sys.executable, command(file), dict(os.environ))


async def fork(file: str) -> None:
    if not os.fork():
        beat(file)


async def double_fork(file: str) -> None:
    """Without a program, so that nothing of it can be told from this process but its name."""
    pid = os.fork()
    if not pid:
        os.setsid()
        if os.fork():
            os._exit(0)
        beat(file)
    os.waitpid(pid, 0)


async def daemon(file: str) -> None:
    subprocess.run([sys.executable, "-c", DAEMON, file, BEAT], check=True)


def multiprocess(method: str) -> Way:
    async def start(file: str) -> None:
        context: Any = multiprocessing.get_context(method)
        process = context.Process(target=beat, args=(file,))
        process.start()
        KEPT.append(process)

    return start


async def process_pool(file: str) -> None:
    pool = concurrent.futures.ProcessPoolExecutor(2)
    KEPT.extend([pool, pool.submit(beat, file)])


async def thread(file: str) -> None:
    threading.Thread(target=beat, args=(file,), daemon=True).start()


class Beating(threading.Thread):
    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def run(self) -> None:
        beat(self.file)


async def own_class(file: str) -> None:
    Beating(file).start()


async def timer(file: str) -> None:
    threading.Timer(0, beat, (file,)).start()


async def to_thread(file: str) -> None:
    KEPT.append(asyncio.create_task(asyncio.to_thread(beat, file)))


async def default_executor(file: str) -> None:
    KEPT.append(asyncio.get_running_loop().run_in_executor(None, beat, file))


async def own_executor(file: str) -> None:
    KEPT.append(concurrent.futures.ThreadPoolExecutor(1).submit(beat, file))


async def thread_of_thread(file: str) -> None:
    threading.Thread(target=lambda: threading.Thread(target=beat, args=(file,)).start()).start()


async def thread_pool(file: str) -> None:
    pool = ThreadPool(1)
    KEPT.extend([pool, pool.apply_async(beat, (file,))])


_PROCESSES = (
    popen, popen_without_variables, system, asyncio_exec, asyncio_shell, posix_spawn, fork, double_fork, daemon, process_pool,
)  # fmt: skip
_THREADS = (
    thread, own_class, timer, to_thread, default_executor, own_executor, thread_of_thread, thread_pool,
)  # fmt: skip
PROCESSES: dict[str, Way] = {one.__name__: one for one in _PROCESSES} | {
    f"multiprocessing_{method}": multiprocess(method) for method in ("fork", "spawn", "forkserver")
}
THREADS: dict[str, Way] = {one.__name__: one for one in _THREADS}


@env.task
async def leaves(way: str, then: str, gate: str) -> str:
    await (PROCESSES | THREADS)[way](str(Path(gate, "beat")))
    await beating(gate)
    if then == "raise":
        raise ValueError("no")
    if then == "wait":
        await asyncio.sleep(3600)
    return "left"


@env.task
def leaves_as_a_function(then: str, gate: str) -> str:
    """In a process of its own: one that ignores what can be ignored, and a thread that does not keep it alive."""
    file = Path(gate, "beat")
    subprocess.Popen(command(str(file)), env={}, start_new_session=True)
    threading.Thread(target=beat, args=(str(file),), daemon=True).start()
    while not (file.exists() and file.stat().st_size):
        time.sleep(0.005)
    if then == "raise":
        raise ValueError("no")
    return "left"


def pool_with_calls(file: str) -> None:
    """One call goes on, and others wait for its thread."""
    pool = concurrent.futures.ThreadPoolExecutor(1)
    KEPT.extend([pool, *(pool.submit(beat, f"{file}{n or ''}") for n in range(100))])


LEFT_BY_FUNCTIONS: dict[str, Callable[[str], object]] = {
    "thread": lambda file: threading.Thread(target=beat, args=(file,)).start(),
    "own_class": lambda file: Beating(file).start(),
    "timer": lambda file: threading.Timer(0, beat, (file,)).start(),
    "pool": pool_with_calls,
    "deaf_thread": lambda file: threading.Thread(target=deaf, args=(file,)).start(),
    "worker": lambda file: multiprocessing.Process(target=beat, args=(file,)).start(),
    "deaf_worker": lambda file: multiprocessing.Process(target=deaf_to_signals, args=(file,)).start(),
}


@env.task
def function_leaves(way: str, then: str, gate: str) -> str:
    """What Python itself would wait for at the end of the process."""
    file = Path(gate, "beat")
    LEFT_BY_FUNCTIONS[way](str(file))
    while not (file.exists() and file.stat().st_size):
        time.sleep(0.005)
    print("it beats")
    if then == "raise":
        raise ValueError("no")
    if then == "wait":
        time.sleep(3600)
    return "left"


@env.task
def function_leaves_waiting_thread(gate: str) -> str:
    threading.Thread(target=threading.Event().wait).start()
    return "left"


@env.task
def function_leaves_fit(gate: str) -> str:
    """It goes on until the test lets it end."""
    begun = threading.Event()
    threading.Thread(target=fit, args=(gate, begun)).start()
    begun.wait()
    return "left"


@env.task
def function_uses_and_ends(gate: str) -> str:
    """A pool and a thread that have nothing to do any more."""
    pool = concurrent.futures.ThreadPoolExecutor(2)
    KEPT.extend([pool, pool.submit(time.sleep, 0).result()])
    done = threading.Thread(target=time.sleep, args=(0,))
    done.start()
    done.join()
    return "left"


@env.task
async def awaits_process(gate: str) -> int:
    process = await asyncio.create_subprocess_exec(*command(str(Path(gate, "beat"))))
    await beating(gate)
    return await process.wait()


@env.task
async def awaits_thread(gate: str) -> None:
    work = asyncio.create_task(asyncio.to_thread(beat, str(Path(gate, "beat"))))
    await beating(gate)
    await work


def swallow(may_end: Callable[[], bool], begun: threading.Event | None = None) -> None:
    """Swallow each cancel, wherever it comes once this has begun."""
    while True:
        try:
            if begun is not None:
                begun.set()
            while not may_end():
                time.sleep(0.01)
            return
        except asyncio.CancelledError:
            print("swallowed a cancel")


def deaf(file: str) -> None:
    with locked(file):
        swallow(lambda: False)


def deaf_to_signals(file: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    beat(file)


@env.task
async def leaves_deaf_thread(gate: str, then: str) -> str:
    KEPT.append(asyncio.get_running_loop().run_in_executor(None, deaf, str(Path(gate, "beat"))))
    await beating(gate)
    if then == "wait":
        await asyncio.sleep(3600)
    return "left"


def fit(gate: str, begun: threading.Event) -> None:
    """Swallow each cancel until the test lets it end."""
    swallow(Path(gate, "open").exists, begun)


@env.task
async def leaves_thread_and_process(gate: str) -> str:
    """Both go on until the test lets them end."""
    begun = threading.Event()
    KEPT.append(asyncio.get_running_loop().run_in_executor(None, fit, gate, begun))
    await asyncio.to_thread(begun.wait)
    if not os.fork():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while not Path(gate, "open").exists():
            time.sleep(0.01)
        os._exit(0)
    return "left"


@env.task
async def leaves_thread(gate: str) -> str:
    begun = threading.Event()
    KEPT.append(asyncio.get_running_loop().run_in_executor(None, fit, gate, begun))
    await asyncio.to_thread(begun.wait)
    return "left"


@env.task
async def leaves_deaf_process(gate: str, then: str) -> str:
    """One that ignores SIGTERM."""
    if not os.fork():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        beat(str(Path(gate, "beat")))
    await beating(gate)
    if then == "wait":
        await asyncio.sleep(3600)
    return "left"


@env.task
async def leaves_waiting_thread(gate: str) -> str:
    """It waits for what never comes, as threads that serve a queue do."""
    threading.Thread(target=threading.Event().wait).start()
    return "left"


@env.task
async def uses_and_ends(gate: str) -> str:
    """Everything that it has started has ended before it does."""
    subprocess.run(["true"], check=True)
    await asyncio.to_thread(time.sleep, 0)
    process = await asyncio.create_subprocess_exec("true")
    return f"{await process.wait()} {os.system('exit 3')}"


@env.task
async def variables(gate: str) -> str:
    """What a subprocess sees of its action."""
    return subprocess.run(
        ["sh", "-c", "echo $ACTION_NAME $RUN_NAME"], check=True, capture_output=True, text=True
    ).stdout


@env.task
async def neighbour(gate: str) -> str:
    """Has a process of its own, and one that bears no mark."""
    own = subprocess.Popen(["sleep", "3600"])
    print("neighbour began")
    while not Path(gate, "open").exists():
        await asyncio.sleep(0.005)
    is_alive = own.poll() is None
    own.kill()
    own.wait()
    return f"alive: {is_alive}"
