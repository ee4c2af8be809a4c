"""Plain functions that resist, clean up, crash, or start processes. Each prints the numbers of its processes."""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import flyte
from flyte.extend import AsyncFunctionTaskTemplate, TaskPluginRegistry

env = flyte.TaskEnvironment(name="isolated")

# Leaves its session and its parent, with an environment of its own, as a daemon does; it forks once more and prints that
# process, which ignores what can be ignored.
DAEMON = """
import os, signal, sys, time
if os.fork():
    os._exit(0)
os.setsid()
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
print("pid", os.getpid(), flush=True)
os.closerange(0, 3)
time.sleep(3600)
"""


def start_daemons() -> None:
    subprocess.run([sys.executable, "-c", DAEMON], env={}, check=True)
    print(f"pid {subprocess.Popen(['sleep', '3600'], start_new_session=True).pid}")
    if not os.fork():  # no exec: nothing of it can be told from this process but its number
        os.setsid()
        if os.fork():
            os._exit(0)
        print(f"pid {os.getpid()}", flush=True)
        time.sleep(3600)
    os.wait()


@env.task
def leaves_daemons(then: str) -> None:
    print(f"pid {os.getpid()}")
    start_daemons()
    if then == "raise":
        raise ValueError("no")
    if then == "exit":
        os._exit(3)
    if then == "sleep":
        time.sleep(3600)


@contextmanager
def telling() -> Iterator[None]:
    """Print what an abort does here, and that there is time to clean up."""
    try:
        print(f"pid {os.getpid()}")
        yield
    except BaseException as problem:
        print(f"caught {type(problem).__module__}.{type(problem).__name__}: {problem.args[0]}")
        raise
    finally:
        time.sleep(0.1)
        print("cleaned up")


@env.task
def waits_in(what: str) -> None:
    with telling():
        WAYS[what]()


@env.task
def waits_for_a_child() -> None:
    with telling():
        waits_in("sleep")


def loop() -> None:
    number = 0
    while True:
        number += 1


def wait_for_process() -> None:
    subprocess.run(["sleep", "3600"], check=True)


def wait_in_thread() -> None:
    """The thread goes on when the function has ended."""
    threading.Thread(target=time.sleep, args=(3600,)).start()
    threading.Event().wait()


def wait_for_worker() -> None:
    """At its end Python would wait for it, too."""
    worker = multiprocessing.Process(target=time.sleep, args=(3600,))
    worker.start()
    worker.join()


def wait_in_loop() -> None:
    async def sleep() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            print("the coroutine too")

    asyncio.run(sleep())


class Slow:
    """Nothing can be raised out of its destructor."""

    def __del__(self) -> None:
        time.sleep(2)


def drop_slow_thing() -> None:
    Slow()
    time.sleep(3600)


def receive() -> None:
    ours, _theirs = socket.socketpair()
    ours.recv(1)


WAYS = {
    "sleep": lambda: time.sleep(3600),
    "loop": loop,
    "process": wait_for_process,
    "lock": lambda: threading.Semaphore(0).acquire(),
    "socket": receive,
    "thread": wait_in_thread,
    "worker": wait_for_worker,
    "asyncio": wait_in_loop,
    "destructor": drop_slow_thing,
}


@env.task
def swallows(terminate: bool) -> None:
    """terminate: let SIGTERM end it."""
    if not terminate:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            print(f"pid {os.getpid()}")
            time.sleep(3600)
        except BaseException as problem:
            print(f"swallowed {problem!r}")


@env.task
def holds_the_interpreter() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(f"pid {os.getpid()}")
    sum(range(10**15))


@env.task
def returns_when_cancelled() -> int:
    try:
        print(f"pid {os.getpid()}")
        time.sleep(3600)
    except asyncio.CancelledError:
        return 42
    return 0


@env.task
def cancels_itself() -> None:
    raise asyncio.CancelledError("mine")


class Slowly:
    """Takes its time to be packed, when it is an output, and to be unpacked, when it is an input."""

    def __init__(self, as_input: bool = False) -> None:
        self.as_input = as_input

    def __reduce__(self) -> Any:
        if not self.as_input:
            print(f"pid {os.getpid()}\npacking")
            time.sleep(1)
        return unpack, (self.as_input,)


def unpack(as_input: bool) -> Slowly:
    if as_input:
        print(f"pid {os.getpid()}\nunpacking")
        time.sleep(1)
    return Slowly()


@env.task
def packs() -> Slowly:
    return Slowly()


@env.task
def unpacks(thing: Slowly) -> None:
    print("began")


class Elsewhere:
    """Marks tasks that a plugin runs."""


class ElsewhereTask(AsyncFunctionTaskTemplate):
    """Such a task: it brings its own way to run."""

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return await super().execute(*args, **kwargs)


TaskPluginRegistry.register(Elsewhere, ElsewhereTask)
elsewhere = flyte.TaskEnvironment(name="elsewhere", plugin_config=Elsewhere())


@elsewhere.task
async def sleeps_elsewhere() -> None:
    assert threading.current_thread() is threading.main_thread()
    with telling():
        await asyncio.sleep(3600)


class Endless:
    """Every attribute asks for itself, on the stack of the interpreter."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self, name)


def overflow() -> None:
    sys.setrecursionlimit(10**9)
    _ = Endless().anything


CRASHES = {
    "segmentation fault": lambda: ctypes.string_at(0),
    "os._exit": lambda: os._exit(3),
    "sys.exit": lambda: sys.exit(2),
    "sys.exit without a code": sys.exit,
    "abort": os.abort,
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGTERM": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "overflow": overflow,
    "recursion": overflow.__class__(compile("def f(): f()\nf()", "recursion", "exec"), {}),
    "no memory": lambda: bytearray(1 << 60),
}


@env.task
def crashes(how: str) -> None:
    print("a line before")
    os.write(1, b"and half a line")
    CRASHES[how]()


@env.task
def returns_what_cannot_be_stored() -> Any:
    return threading.Lock()


@env.task
def returns_another_type() -> int:
    return "no number"  # type: ignore[return-value]
