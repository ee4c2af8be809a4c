"""Whether a process is there, for tests that end some."""

from __future__ import annotations

import time
from pathlib import Path


def is_alive(pid: int) -> bool:
    """False for a zombie too: nothing of it runs any more, and in a container nobody may be there to reap it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def processor_seconds(pid: int) -> float:
    """The processor time that a process has had, its threads that have ended with it, to the microsecond; it does not count
    the waits of a machine that is slow, or busy with something else.

    The number of the clock is made as ``clock_getcpuclockid(3)`` of the C library makes it, which Python does not offer.
    """
    whole_process = 2
    return time.clock_gettime(~pid << 3 | whole_process)
