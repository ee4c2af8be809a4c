"""What the processes of pytest-xdist share: the first that needs it makes it, and the last that has used it ends it.

It lives in a file with a lock, in the folder that all of them have.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.processes import is_alive
from tests.support.server.server import Server, wait_until

STOP_SECONDS = 60.0
# A server that another process is to stop is not one that Python should miss.
_KEPT: list[Server] = []


def folder_of_all(own: Path) -> Path:
    """own: the base folder of this process."""
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def shared_servers(
    file: Path, make: Callable[[], tuple[dict[str, Server], Any]]
) -> Iterator[tuple[dict[str, Server], Any]]:
    """The servers by name, and what was made with them (JSON); while nobody changes anything there, all may use them."""
    mine: dict[str, Server] = {}
    with locked(file) as state:
        if not state:
            mine, made = make()
            state |= {
                "users": 0,
                "made": made,
                "servers": {name: describe(one) for name, one in mine.items()},
            }
        state["users"] += 1
        seen = dict(state)
    servers = mine or {name: attach(one) for name, one in seen["servers"].items()}
    try:
        yield servers, seen["made"]
    finally:
        for one in servers.values():
            one.commands.end()
        _KEPT.extend(mine.values())
        with locked(file) as state:
            state["users"] -= 1
            if not state["users"]:
                for one in state["servers"].values():
                    stop(one["pid"])
                state.clear()


@contextmanager
def locked(file: Path) -> Iterator[dict[str, Any]]:
    """What the file holds; what is changed in it inside is written."""
    with file.open("a+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.seek(0)
        state: dict[str, Any] = json.loads(held.read() or "{}")
        yield state
        held.truncate(0)
        held.write(json.dumps(state))


def describe(server: Server) -> dict[str, Any]:
    assert server.process is not None
    return {"home": str(server.home), "port": server.port, "pid": server.process.pid, "demos": server.demos}


def attach(described: dict[str, Any]) -> Server:
    """One that runs already."""
    server = Server(Path(described["home"]))
    server.use_port(described["port"])
    server.demos = described["demos"]
    return server


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_alive(pid), f"the server with process {pid} ends", STOP_SECONDS)
