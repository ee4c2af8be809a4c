"""What a process has started, and the end of all of it.

On Linux nothing escapes: who adopts orphans becomes the parent of whatever loses its own below it, so that a new session
and a double fork stay its descendants. Elsewhere (macOS) there is the process group only: what leaves that lives on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)
_IS_LINUX = sys.platform == "linux"


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, instead of the first process of the machine."""
    if _IS_LINUX:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(number: int) -> None:
    """Ask the kernel for a signal when the parent dies; elsewhere than on Linux a pipe that ends has to do."""
    if _IS_LINUX:
        _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def signal_group(pid: int, number: int) -> None:
    """Send a signal to a group; to its first process alone while that has not made the group yet."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    except PermissionError:  # macOS says so of a group of zombies
        pass


def sweep(spare: Collection[int] = ()) -> None:
    """Kill all descendants of this process but those children and what is theirs; return when they are gone and reaped."""
    while victims := descendants(spare):
        for pid in victims:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        # Only its children can be waited for; the rest become its children, and the next turn sees them.
        for pid in victims:
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def descendants(spare: Collection[int] = ()) -> list[int]:
    """Processes below this one, parents first; zombies too, until somebody has reaped them."""
    below = defaultdict(list)
    for pid, parent in _parents().items():
        below[parent].append(pid)
    found = [pid for pid in below[os.getpid()] if pid not in spare]
    for pid in found:
        found += below[pid]
    return found


def _parents() -> dict[int, int]:
    parents: dict[int, int] = {}
    if _IS_LINUX:
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with suppress(OSError):  # it has ended meanwhile
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return parents
