"""A server of the benchmark's own: a fresh home folder, a free port, ended at exit."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support import plain_http

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_server(home: str = "", **settings: str) -> Iterator[str]:
    """Start `manage.py up` and yield its URL. The environment of this process then points at the same home.

    A home that is given is kept, with the server's output in up.log.
    """
    made, port = home or tempfile.mkdtemp(prefix="flyteui-bench-"), free_port()
    os.environ |= {"FLYTEUI_HOME": made, "FLYTEUI_PORT": str(port), "DO_NOT_TRACK": "1", **settings}
    url = f"http://127.0.0.1:{port}"
    with (Path(made) / "up.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "manage.py", "up"], cwd=ROOT, stdout=log, stderr=log if home else None
        )
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                if plain_http.get(f"{url}/readyz", timeout=2).status_code == httpx.codes.OK:
                    break
            except httpx.HTTPError:
                pass
            if time.monotonic() > deadline:
                raise TimeoutError("the server did not become ready within 180 s")
            time.sleep(0.05)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(15)
        if not home:
            shutil.rmtree(made, ignore_errors=True)
