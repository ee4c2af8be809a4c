"""The product as its user has it: `manage.py up` in a process of its own, driven by the real flyte client."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from runs.phases import Phase

ROOT = Path(__file__).resolve().parents[2]
RUN_URL = re.compile(r"(https?://\S+?)/v2/domain/([^/]+)/project/([^/]+)/runs/([a-z0-9-]+)")
# After its work the client may crash on its way out: threads of its HTTP library outlive the interpreter (docs/decisions/0026).
CRASHES_AT_EXIT = {-signal.SIGABRT, -signal.SIGBUS, -signal.SIGSEGV}
_TERMINAL = "(5, 6, 7, 8, 10)"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Return what the condition returns once it is true; look again every 50 ms."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        pause.wait(0.05)
    return found


class Server:
    """A server with a home folder of its own."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("FLYTEUI_", "DJANGO_"))
        }
        self.env = clean | {
            "FLYTEUI_HOME": str(home),
            "FLYTEUI_PORT": str(self.port),
            "DO_NOT_TRACK": "1",
            **settings,
        }
        # Each server has its own, so that one test's uploads are not another's cache hits.
        self.env |= {"HOME": str(home / "client"), "NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"}
        (home / "client").mkdir(parents=True, exist_ok=True)
        self.log = home / "up.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> Server:
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *options], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        wait_until(self.is_ready, f"the server is ready ({self.log.read_text()[-2000:]})", 60)
        return self

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    @staticmethod
    def answers(port: int) -> bool:
        """Whether a web process is there; it may have no worker."""
        try:
            return httpx.get(f"http://localhost:{port}/healthz", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send the signal, wait for the end; returns how many seconds it took."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20)
        return time.monotonic() - begun

    # --- the client ---------------------------------------------------------------------------------------------

    def flyte(self, *arguments: str) -> subprocess.Popen[str]:
        """The real CLI, in a process of its own."""
        command = [
            str(Path(sys.executable).with_name("flyte")),
            "--config",
            str(self.home / "config.yaml"),
            *arguments,
        ]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def cli(self, *arguments: str, code: int = 0) -> str:
        """Run the CLI to its end; returns what it printed."""
        return self.finish(self.flyte(*arguments), code)

    def finish(self, client: subprocess.Popen[str], code: int = 0) -> str:
        """Wait until a client has done its work; returns what it printed. The caller looks whether that work was done."""
        printed, _ = client.communicate(timeout=120)
        assert client.returncode in {code} | CRASHES_AT_EXIT, f"it ended with {client.returncode}:\n{printed}"
        return printed

    def submit(self, *arguments: str) -> str:
        """`flyte run …`; returns the name of the run."""
        printed = self.cli("run", *arguments)
        found = RUN_URL.search(printed.replace("\n", ""))
        assert found, printed
        return found.group(4)

    def python(self, *arguments: str) -> subprocess.Popen[str]:
        """A user's script, or `-c` and code, that calls flyte.init_from_config()."""
        env = {**self.env, "FLYTECTL_CONFIG": str(self.home / "config.yaml")}
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, method: str, body: dict[str, Any]) -> httpx.Response:
        """Connect JSON, as curl would."""
        return httpx.post(f"{self.url}/{method}", json=body, timeout=30)

    def run_id(self, run: str) -> dict[str, str]:
        return {"org": "flyteui", "project": "flytesnacks", "domain": "development", "name": run}

    # --- what is stored -----------------------------------------------------------------------------------------

    def query(self, sql: str, *parameters: Any) -> list[sqlite3.Row]:
        connection = sqlite3.connect(f"file:{self.home / 'flyteui.sqlite3'}?mode=ro", uri=True, timeout=20)
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def actions(self, run: str) -> dict[str, sqlite3.Row]:
        """All actions of a run by name, each with its abort."""
        rows = self.query(
            "SELECT a.*, b.cause, b.actor, b.reason, b.requested_at, t.name AS target FROM runs_action a "
            "JOIN runs_run r ON r.id = a.run_id LEFT JOIN runs_abort b ON b.id = a.abort_id "
            "LEFT JOIN runs_action t ON t.id = b.target_id WHERE r.name = ? ORDER BY a.id",
            run,
        )
        return {row["name"]: row for row in rows}

    def named(self, run: str, short_name: str) -> list[sqlite3.Row]:
        return [row for row in self.actions(run).values() if row["short_name"] == short_name]

    def phase(self, run: str, action: str = "a0") -> Phase | None:
        rows = self.actions(run)
        return Phase(rows[action]["phase"]) if action in rows else None

    def phases(self, run: str, short_name: str) -> list[Phase]:
        return [Phase(row["phase"]) for row in self.named(run, short_name)]

    def wait_running(self, run: str, short_name: str, count: int) -> list[str]:
        """The names of the actions of this task, once that many run."""

        def running() -> list[str]:
            rows = self.named(run, short_name)
            return (
                [row["name"] for row in rows]
                if self.phases(run, short_name).count(Phase.RUNNING) >= count
                else []
            )

        return wait_until(running, f"{count} of {short_name} run", 60)

    def wait_ended(self, run: str, action: str = "a0", seconds: float = 90) -> Phase:
        def ended() -> bool:
            phase = self.phase(run, action)
            return phase is not None and phase.is_terminal

        wait_until(ended, f"{run}/{action} has ended", seconds)
        phase = self.phase(run, action)
        assert phase is not None
        return phase

    def wait_all_ended(self, run: str) -> None:
        """The run and everything in it."""
        self.wait_ended(run)
        wait_until(
            lambda: all(Phase(row["phase"]).is_terminal for row in self.actions(run).values()), "all ended"
        )

    def output(self, run: str, action: str = "a0") -> str:
        """What an action printed."""
        row = self.actions(run)[action]
        chunks = self.query("SELECT lines FROM runs_logchunk WHERE action_id = ? ORDER BY id", row["id"])
        return "".join(text for chunk in chunks for _, _, text in json.loads(chunk["lines"]))
