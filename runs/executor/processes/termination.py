"""Kills all descendants of a process.

On Linux none escapes: a process that adopts orphans becomes the parent of each descendant whose own parent ends, also
after a double fork or in a new session. Elsewhere (macOS) only the process group is killed, and what left it lives on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Collection
from contextlib import suppress

from runs.executor.attempt.owned import MARK
from runs.executor.processes.table import read_environment, read_table

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)
_IS_LINUX = sys.platform == "linux"


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, in place of the machine's first process."""
    if _IS_LINUX:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(number: int) -> None:
    """Let the kernel send this signal when the parent dies. Elsewhere than on Linux the end of a pipe has to do."""
    if _IS_LINUX:
        _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a process group, or to its first process if that has not made the group yet."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    except PermissionError:  # macOS raises this for a group of zombies
        pass


def kill_descendants(spare: Collection[int] = ()) -> None:
    """Kill and reap all descendants of this process, except the children to spare and their descendants."""
    while victims := descendants(spare):
        for pid in victims:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        # Only children can be waited for. The rest become children when their parents end, and the next round finds them.
        for pid in victims:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def kill_marked(prefix: str) -> None:
    """Kill the processes whose mark begins so: what the actions of an executor had started, when that has died."""
    for entry in read_table():
        mark = entry.name if entry.name.startswith(prefix) else read_environment(entry.pid).get(MARK, "")
        if mark.startswith(prefix):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(entry.pid, signal.SIGKILL)


def descendants(spare: Collection[int] = ()) -> list[int]:
    """Descendants of this process, parents first; zombies too, until they are reaped."""
    table = read_table()
    found: list[int] = []
    for child in table.children(os.getpid()):
        if child.pid not in spare:
            found += [child.pid, *(entry.pid for entry in table.descendants(child.pid))]
    return found
