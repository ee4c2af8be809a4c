"""When a process counts as ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from runs.executor.processes.table import read_process
from tests.support.server.server import wait_until

LEAVES_A_THREAD = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.readline).start()
print("begun", flush=True)
ctypes.CDLL(None).pthread_exit(None)  # of this thread, not of the process
"""


def test_a_process_has_not_ended_while_one_of_its_threads_goes_on() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LEAVES_A_THREAD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    def state() -> str:
        return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    try:
        wait_until(lambda: state() == "Z", "its first thread has ended")
        entry = read_process(process.pid)
        assert entry is not None
        assert not entry.is_zombie
    finally:
        process.kill()
    wait_until(lambda: (found := read_process(process.pid)) and found.is_zombie, "all of it has ended")
    process.communicate()
