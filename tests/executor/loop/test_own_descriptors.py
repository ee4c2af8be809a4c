"""Which descriptors are the process' own: those that it had open when its actions began, as long as it has them open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.nets import NET_SECONDS

# An executor's guards in a process of their own, because they replace functions of `os`.
SCRIPT = """
import asyncio, os, sys
from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.loop.guards import Guards
from runs.protocol.frames import Key, Lease, RunInfo

theirs, kept = os.pipe()
link = os.open("/dev/null", os.O_RDONLY)  # as of a connection that is lost later
scratch = os.open(sys.argv[1] + ".scratch", os.O_RDWR | os.O_CREAT)  # is deleted: the next file gets its inode, unless that is kept
Guards(asyncio.new_event_loop()).install()
os.close(link)
os.close(scratch)
os.unlink(sys.argv[1] + ".scratch")

CURRENT.set(Attempt(Lease(Key(1, "a0"), 1, 1, "", ""), RunInfo(1, "local", "p", "d", "r1", "", "", "")))
mine = os.open(sys.argv[1], os.O_RDONLY)
assert mine == link, (mine, link)
os.close(mine)
with os.fdopen(os.open(sys.argv[1], os.O_RDONLY)) as file:
    assert file.fileno() == link
    again = os.open(sys.argv[1] + ".again", os.O_RDWR | os.O_CREAT)
    assert again == scratch
    os.close(again)
for fd in (theirs, kept):
    try:
        os.close(fd)
    except OSError as error:
        print(error.strerror.partition(":")[0])
"""


def test_a_number_that_the_process_has_closed_is_an_actions_to_open_and_close(tmp_path: Path):
    """As after a connection that was lost. What is refused is never closed, so a file, and its lock, would stay open."""
    file = tmp_path / "own.txt"
    file.touch()

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(file)],
        capture_output=True,
        text=True,
        timeout=NET_SECONDS,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["os.close", "os.close"]
