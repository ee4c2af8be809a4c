"""Which workers are connected to this web process, and what environments they have. In memory: a socket that is gone takes its entry along.

Short, because readiness and the reasons of waits read it, and sockets, above them, write it.
"""

from __future__ import annotations

from collections.abc import Mapping

_workers: dict[str, int] = {}
_environments: dict[str, dict[tuple[str, str], int]] = {}  # by worker: bytes by machine and digest


def worker_joined(name: str) -> None:
    _workers[name] = _workers.get(name, 0) + 1


def worker_left(name: str) -> None:
    if (left := _workers.get(name, 0) - 1) > 0:
        _workers[name] = left
    else:
        _workers.pop(name, None)
        _environments.pop(name, None)


def workers_connected() -> int:
    """How many workers could start an executor now."""
    return len(_workers)


def note_environments(worker: str, host: str, stored: Mapping[str, int]) -> set[str]:
    """What Python environments this worker has. stored: bytes by digest. Returns those that were removed: it had them before,
    and no worker here has them now.
    """
    before = _environments.get(worker, {})
    _environments[worker] = {(host, digest): size for digest, size in stored.items()}
    return {digest for _, digest in before} - {digest for _, digest in list_environments()}


def list_environments() -> dict[tuple[str, str], int]:
    """By machine and digest the bytes that it takes there. Two workers of one machine have the same."""
    return {key: size for of_worker in _environments.values() for key, size in of_worker.items()}
