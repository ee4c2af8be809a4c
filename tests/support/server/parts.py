"""The server in parts that a test starts and kills by itself: a web process, and a worker behind a proxy."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import is_alive
from tests.support.server.proxy import TOUCHED, Proxy
from tests.support.server.server import ROOT, Server, wait_until

PREPARE = """
import django; django.setup()
from runs.engine import registry
from runs.store import client_config
registry.seed(); client_config.write()
"""
MIGRATE = "from django.core.management import call_command; call_command('migrate', verbosity=0)"
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
        self.prepare()
        self.start_web()
        self.start_worker()
        try:
            wait_until(self.is_ready, "the server is ready", 240, lambda: self.log.read_text()[-2000:])
        except TimeoutError:
            self.stop()
            raise
        return self

    def prepare(self) -> None:
        """What `up` does before it starts the parts: the database and the client's configuration."""
        code = PREPARE if self.take_migrated() else PREPARE.replace("from runs", f"{MIGRATE}\nfrom runs", 1)
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=self.env, check=True, timeout=180)

    def start_web(self) -> None:
        self.web = self._spawn("-m", "flyteui.web", "-b", "127.0.0.1", "-p", str(self.port), "-v", "0",
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
        self.commands.end()
        executors = executors_of(self) + reserve_of(self)
        self.proxy.heal()
        for part in (self.worker, self.web):
            if part is not None and part.poll() is None:
                part.send_signal(number)
                part.wait(20)
        for pid in executors:  # those whose worker was killed
            kill(pid)
        self.proxy.stop()
        return 0.0


@contextmanager
def web_without_worker(home: Path, **settings: str) -> Iterator[Parts]:
    """A web process to which no worker has come."""
    parts = Parts(home, **settings)
    parts.prepare()
    parts.start_web()
    try:
        wait_until(lambda: Server.answers(parts.port), "the server answers")
        yield parts
    finally:
        parts.stop(signal.SIGKILL)


def kill(pid: int) -> None:
    """kill -9, and wait until nothing of it runs."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    wait_until(lambda: not is_alive(pid), f"process {pid} is gone", CLEAR_SECONDS)


def find(server: Server, word: str = "") -> list[int]:
    """The processes of this server's home, or those of them whose command line contains the word."""
    return [pid for pid, command in processes_of(server).items() if word in command]


def processes_of(server: Server) -> dict[int, str]:
    """The command lines of all processes whose environment names the server's home: web, worker, executors, their children."""
    home = re.escape(bytes(server.own))
    # FLYTEUI_HOME, or HOME where nothing else is left; not of home10, when it is home1, nor of who reads only its storage.
    of_home = re.compile(rb"HOME=%b[/\0]" % home)
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if of_home.search(environment) or bytes(server.own) in command:
                found[int(folder.name)] = command.replace(b"\0", b" ").decode()
    return found


IN_RESERVE = "NOT EXISTS (SELECT 1 FROM runs_executor_runs s WHERE s.executor_id = e.id)"


def executors_of(server: Server) -> list[int]:
    """The processes of the executors that serve runs; not those that a scene has made up."""
    return _pids(server, f"NOT {IN_RESERVE}")


def reserve_of(server: Server) -> list[int]:
    """The processes of the executors that are kept for runs to come."""
    return _pids(server, IN_RESERVE)


def _pids(server: Server, condition: str) -> list[int]:
    rows = server.query(
        f"SELECT pid FROM runs_executor e WHERE state <> 'gone' AND pid IS NOT NULL AND {condition}"
    )
    return sorted({row["pid"] for row in rows} & processes_of(server).keys())


def doctor(server: Server) -> str:
    """What `flyteui doctor` prints; empty when nothing is wrong."""
    done = server.manage("doctor")
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
