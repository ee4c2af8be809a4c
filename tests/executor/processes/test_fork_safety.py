"""What forks has one thread and no event loop but its own: a lock that another thread holds would be held in the child for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.executor.conftest import Bench
from tests.support.executor.isolated import children_of, running, zygote_of
from tests.support.server.server import ROOT

WORKFLOW = "isolated"
FORK = """
import os, threading
from runs.executor.processes import child
os.register_at_fork(before=lambda: print(len(os.listdir("/proc/self/task")), [t.name for t in threading.enumerate()], flush=True))
child.fork_zygote(lambda: None)
print(sorted(t.name for t in threading.enumerate()))
"""


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def event_loops_of(pid: int) -> int:
    """How many epoll descriptors the process has open."""
    links = [str(descriptor.readlink()) for descriptor in Path(f"/proc/{pid}/fd").iterdir()]
    return links.count("anon_inode:[eventpoll]")


def test_the_executor_has_one_thread_when_it_forks_its_zygote_and_the_sdk_its_own_again_after_it():
    command = [sys.executable, "-c", FORK]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=True)

    before, after = done.stdout.splitlines()
    assert before == "1 ['MainThread']"
    assert after == "['MainThread', 'flyte_syncify']"


async def test_the_zygote_and_its_shims_have_one_thread_and_one_loop_each(bench: Bench) -> None:
    (action,) = await running(bench, "waits_in", what="sleep")
    assert bench.process is not None
    zygote = zygote_of(bench.process)
    (shim,) = children_of(zygote)
    assert children_of(shim) == [action]

    for pid in (zygote, shim):
        assert threads_of(pid) == 1
    assert event_loops_of(zygote) == 1
    assert threads_of(action) > 1, "what runs the code has the threads that it needs"
