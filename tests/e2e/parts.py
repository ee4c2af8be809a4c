"""The server in parts that a test starts and kills by itself: a web process, and a worker behind a proxy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.proxy import TOUCHED, Proxy
from tests.e2e.server import ROOT, Server, wait_until
from tests.processes import is_alive

PREPARE = """
import django; django.setup()
from django.core.management import call_command
from runs import registry
from runs.management.commands import up
call_command("migrate", verbosity=0); registry.seed(); up.write_client_config()
"""
CLEAR_SECONDS = 20.0


class Parts(Server):
    """Without the supervisor: what is killed stays dead until the test starts it."""

    touched: tuple[bytes, ...] = TOUCHED

    def __init__(self, home: Path, **settings: str) -> None:
        super().__init__(home, **settings)
        self.env["DJANGO_SETTINGS_MODULE"] = "flyteui.settings"
        self.proxy = Proxy(self.port, self.touched)
        self.wire = f"127.0.0.1:{self.proxy.start()}"
        self.web: subprocess.Popen[bytes] | None = None
        self.worker: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> Parts:
        subprocess.run([sys.executable, "-c", PREPARE], cwd=ROOT, env=self.env, check=True, timeout=60)
        self.start_web()
        self.start_worker()
        wait_until(self.is_ready, "the server is ready", 60)
        return self

    def start_web(self) -> None:
        self.web = self._spawn("-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), "-v", "0",
                               "flyteui.asgi:application")  # fmt: skip

    def start_worker(self) -> None:
        self.worker = self._spawn(
            "manage.py", "worker", "--url", f"ws://{self.wire}", FLYTEUI_PUBLIC_URL=f"http://{self.wire}"
        )

    def _spawn(self, *command: str, **more: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=self.env | more, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def stop(self, number: int = signal.SIGTERM) -> float:
        executors = executors_of(self)
        self.proxy.heal()
        for part in (self.worker, self.web):
            if part is not None and part.poll() is None:
                part.send_signal(number)
                part.wait(20)
        for pid in executors:  # those whose worker was killed
            kill(pid)
        self.proxy.stop()
        return 0.0


def kill(pid: int) -> None:
    """kill -9, and wait until nothing of it runs."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_until(lambda: not is_alive(pid), f"process {pid} is gone", CLEAR_SECONDS)


def find(server: Server, word: str) -> list[int]:
    """The processes of this server's home whose command line contains the word."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if word in command and f"FLYTEUI_HOME={server.home}\0".encode() in environment:
                found.append(int(folder.name))
    return found


def executors_of(server: Server) -> list[int]:
    """The processes of the executors that the server counts on."""
    rows = server.query("SELECT pid FROM runs_executor WHERE state <> 'gone' AND pid IS NOT NULL")
    return [row["pid"] for row in rows if is_alive(row["pid"])]


def doctor(server: Server) -> str:
    """What `manage.py doctor` prints; empty when nothing is wrong."""
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT, env=server.env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


def children_of(pid: int) -> Iterator[int]:
    """The processes whose parent this is."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == pid:
                yield int(folder.name)


def let_pass(seconds: float) -> None:
    """For faults that last: how long is what the test is about, and there is no event to wait for."""
    threading.Event().wait(seconds)
