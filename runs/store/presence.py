"""Which workers are connected to this web process. In memory: a socket that is gone takes its entry along.

Short, because readiness and the reasons of waits read it, and sockets, above them, write it.
"""

from __future__ import annotations

_workers: dict[str, int] = {}


def worker_joined(name: str) -> None:
    _workers[name] = _workers.get(name, 0) + 1


def worker_left(name: str) -> None:
    if (left := _workers.get(name, 0) - 1) > 0:
        _workers[name] = left
    else:
        _workers.pop(name, None)


def workers_connected() -> int:
    """How many workers could start an executor now."""
    return len(_workers)
