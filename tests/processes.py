"""Whether a process is there, for tests that end some."""

from __future__ import annotations

from pathlib import Path


def is_alive(pid: int) -> bool:
    """False for a zombie too: nothing of it runs any more, and in a container nobody may be there to reap it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}
