"""Attributes threads and processes to the action whose code starts them, whichever of Python's ways it takes.

Each way is wrapped once per process. What code starts while its module is being imported is the process', like the module.
"""

from __future__ import annotations

import _posixsubprocess
import contextvars
import ctypes
import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from typing import Any

from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.attempt.descriptors import open_text
from runs.executor.attempt.environ import variables_of
from runs.executor.attempt.owned import MARK, Owned, ProgramOutput, ThreadWork, is_library
from runs.executor.attempt.record import Works
from runs.executor.attempt.state import State
from runs.executor.processes.pipes import CallSoon, OutputPipes
from runs.executor.processes.table import read_process

_PR_SET_NAME = 15
_libc = ctypes.CDLL(None)
# Places among the arguments of `fork_exec`.
_ENVIRONMENT, _OUT, _ERR = 5, 9, 11
# multiprocessing starts these once per process, in whatever action needs them first.
_SHARED_PROGRAMS = (b"resource_tracker import main", b"multiprocessing.forkserver import main")
_lock = threading.Lock()


class Children:
    """What is known of the child processes of this one.

    owners: of actions that have started some. shared: those that are no action's. starting: how many are being started, so
    that a child which nobody knows may be one of them.
    """

    def __init__(self) -> None:
        self.owners: set[Owned] = set()
        self.shared: set[int] = set()
        self.starting = 0
        self.open_output: OpenOutput | None = None
        self.works: Works | None = None

    def output_of(self, attempt: Attempt | None, owned: Owned | None) -> ProgramOutput | None:
        """Where its processes write. None: where this process does; also when it has no descriptor left."""
        if attempt is None or owned is None or self.open_output is None:
            return None
        with _lock:
            if owned.output is None:
                with suppress(OSError):
                    owned.output = self.open_output(attempt)
            return owned.output

    @contextmanager
    def start(self, owned: Owned | None) -> Iterator[Callable[[int], None]]:
        """Start a process inside, and call what this yields with its number."""
        with _lock:
            self.starting += 1
            if owned is not None:
                self.owners.add(owned)
        try:
            yield functools.partial(self.add, owned)
        finally:
            with _lock:
                self.starting -= 1

    def add(self, owned: Owned | None, pid: int) -> None:
        if owned is None:
            self.shared.add(pid)
        elif (process := read_process(pid)) is not None:
            owned.processes.add(process.identity)


CHILDREN = Children()


class ActionOutput:
    """The `ProgramOutput` of one action: a pipe for each stream, read on the link's thread."""

    def __init__(self, write: Callable[[str, str], None], call_soon: CallSoon) -> None:
        self._pipes = OutputPipes(write, call_soon)
        self.out = self._pipes.open("out")
        self.err = self._pipes.open("err")

    def close(self) -> None:
        os.close(self.out)
        os.close(self.err)
        self._pipes.close()


OpenOutput = Callable[[Attempt], ActionOutput]


def install(shared: Sequence[int], open_output: OpenOutput, works: Works | None = None) -> None:
    """Wrap the ways.

    shared: child processes that this one has already. open_output: for an action's first process. works: where it is
    written which thread works for which action.
    """
    CHILDREN.works = works
    CHILDREN.shared.update(shared)
    CHILDREN.open_output = open_output
    for owner, name, wrap in (
        (threading.Thread, "start", _own_thread),
        (ThreadPoolExecutor, "submit", _own_call),
        (os, "fork", _own_fork),
        (os, "forkpty", _own_fork),
        (os, "posix_spawn", _own_spawn),
        (os, "posix_spawnp", _own_spawn),
        (os, "system", _replace_system),
        (subprocess, "_fork_exec", _own_program),
        (_posixsubprocess, "fork_exec", _own_program),
        (BaseProcess, "start", _own_process),
    ):
        way = getattr(owner, name)
        setattr(owner, name, functools.wraps(way)(wrap(way)))
    os.register_at_fork(after_in_child=_become_own_process)


def _attempt() -> Attempt | None:
    attempt = CURRENT.get()
    return attempt if attempt is not None and attempt.state in {State.RUNNING, State.CLOSED} else None


def _owned() -> Owned | None:
    """That of the action whose code runs here; made with the first thing that it starts."""
    if (attempt := _attempt()) is None:
        return None
    with _lock:
        if attempt.owned is None:
            works = CHILDREN.works
            attempt.owned = (
                Owned(functools.partial(works.enter, attempt.holder), works.leave) if works else Owned()
            )
        return attempt.owned


# Threads.


def _own_thread(start: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    def start_owned(thread: threading.Thread) -> None:
        if (owned := _owned()) is None:
            return start(thread)
        is_service = thread.daemon and is_library(sys._getframe(1))
        work = ThreadWork(owned, thread.run, is_service=is_service)
        thread.run = work.run_thread  # type: ignore[method-assign]
        try:
            start(thread)
        except BaseException:
            work.leave()
            raise

    return start_owned


def _own_call(submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
    """A call in a pool is the action's; the threads of the pool are the pool's, and may serve others afterwards."""

    def submit_owned(
        pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **options: Any
    ) -> Future[Any]:
        if (owned := _owned()) is None:
            return submit(pool, function, *args, **options)
        work = ThreadWork(owned, functools.partial(function, *args, **options))
        try:
            future = contextvars.Context().run(submit, pool, work)
        except BaseException:
            work.leave()
            raise
        work.withdraw = future.cancel
        future.add_done_callback(work.leave)
        return future

    return submit_owned


# Processes.


def _own_fork(fork: Callable[[], Any]) -> Callable[[], Any]:
    def fork_owned() -> Any:
        owned = _owned()
        CHILDREN.output_of(_attempt(), owned)
        with CHILDREN.start(owned) as add:
            result = fork()
            if pid := result[0] if isinstance(result, tuple) else result:
                add(pid)
        return result

    return fork_owned


def _own_program(fork_exec: Callable[..., int]) -> Callable[..., int]:
    def fork_exec_owned(arguments: Sequence[bytes], *rest: Any) -> int:
        is_shared = any(program in os.fsencode(one) for one in arguments for program in _SHARED_PROGRAMS)
        owned = None if is_shared else _owned()
        if owned is not None:
            rest = _of_action(owned, rest)
        with CHILDREN.start(owned) as add:
            pid = fork_exec(arguments, *rest)
            add(pid)
        return pid

    return fork_exec_owned


def _of_action(owned: Owned, rest: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments of `fork_exec` behind the first, with the action's mark and, where it inherits ours, with its output."""
    changed = list(rest)
    changed[_ENVIRONMENT - 1] = _with_mark(owned, rest[_ENVIRONMENT - 1])
    if (output := CHILDREN.output_of(_attempt(), owned)) is not None:
        changed[_OUT - 1] = {-1: output.out, 1: output.out, 2: output.err}.get(rest[_OUT - 1], rest[_OUT - 1])
        changed[_ERR - 1] = {-1: output.err, 1: output.out, 2: output.err}.get(rest[_ERR - 1], rest[_ERR - 1])
    return tuple(changed)


def _with_mark(owned: Owned, variables: Sequence[bytes] | None) -> Sequence[bytes]:
    """The variables of a program that an action starts. None: those of this process, as the action sees them."""
    if variables is None:
        variables = [os.fsencode(f"{name}={value}") for name, value in os.environ.items()]
    return [*variables, f"{MARK}={owned.mark}".encode()]


def _own_spawn(spawn: Callable[..., int]) -> Callable[..., int]:
    def spawn_owned(path: Any, arguments: Any, variables: Any, /, **options: Any) -> int:
        if (owned := _owned()) is not None:
            variables = {**variables, MARK: owned.mark}
            if (output := CHILDREN.output_of(_attempt(), owned)) is not None:
                ours = [(os.POSIX_SPAWN_DUP2, output.out, 1), (os.POSIX_SPAWN_DUP2, output.err, 2)]
                options["file_actions"] = [*ours, *(options.get("file_actions") or ())]
        with CHILDREN.start(owned) as add:
            pid = spawn(path, arguments, variables, **options)
            add(pid)
        return pid

    return spawn_owned


def _replace_system(system: Callable[[Any], int]) -> Callable[[Any], int]:
    def system_owned(command: Any) -> int:
        """The shell's process is not known from `system(3)`."""
        if _owned() is None:
            return system(command)
        code = subprocess.call(os.fsdecode(command), shell=True)  # noqa: S602 -- that is what it is for
        return -code if code < 0 else code << 8

    return system_owned


def _own_process(start: Callable[[BaseProcess], None]) -> Callable[[BaseProcess], None]:
    """Those of a fork server are not children of this process."""

    def start_owned(process: BaseProcess) -> None:
        start(process)
        if (owned := _owned()) is not None and process.pid:
            CHILDREN.add(owned, process.pid)

    return start_owned


def _become_own_process() -> None:
    """In a fork of this process: it has its action's variables, none of our signals, and its mark as its name.

    Nothing shows the variables of a process that starts no program; its name it hands on to its own forks.
    """
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    attempt = CURRENT.get()
    CURRENT.set(None)
    if attempt is not None and attempt.owned is not None:
        if (output := attempt.owned.output) is not None:
            os.dup2(output.out, 1)
            os.dup2(output.err, 2)
        sys.stdout, sys.stderr = open_text(1), open_text(2)
        os.environ.update(variables_of(attempt) | {MARK: attempt.owned.mark})
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_NAME, attempt.owned.mark.encode(), 0, 0, 0)
