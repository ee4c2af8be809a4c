"""The product as its user has it: `flyteui up` in a process of its own, driven by the real flyte client."""

from __future__ import annotations

import atexit
import fcntl
import functools
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from runs.domain.phases import Phase
from tests.support import plain_http
from tests.support.nets import NET_SECONDS
from tests.support.server.forks import Forks

RUN_URL = re.compile(r"(https?://\S+?)/v2/domain/([^/]+)/project/([^/]+)/runs/([a-z0-9-]+)")
# After its work the client may crash on its way out: threads of its HTTP library outlive the interpreter (docs/decisions/0026).
CRASHES_AT_EXIT = {-signal.SIGABRT, -signal.SIGBUS, -signal.SIGSEGV}
STOP_SECONDS = 5.0
DATABASE = "flyteui.sqlite3"
ROOT = Path(__file__).resolve().parents[3]
PLAIN_OUTPUT = {"NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"}


def free_port() -> int:
    """Below those that the system gives to connections: one of these could be taken before the server listens."""
    chance = random.SystemRandom()  # pytest-randomly gives each process the same seed
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", chance.randrange(15_000, 32_000)))
            except OSError:
                continue
            return int(probe.getsockname()[1])


def wait_until(
    condition: Callable[[], Any], what: str, seconds: float = NET_SECONDS, explain: Callable[[], str] = str
) -> Any:
    """Return what the condition returns once it is true; look again every 50 ms."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s {explain()}")
        pause.wait(0.05)
    return found


@functools.cache
def clients() -> Forks:
    """The client of every server that this process of pytest has."""
    forks = Forks("flyte", {**os.environ, **PLAIN_OUTPUT})
    atexit.register(forks.end)
    return forks


@functools.cache
def migrated_database() -> Path:
    """A database without a row, for servers whose first start is not what a test is about: migrating takes seconds.

    The processes of pytest-xdist share it; the one that began them removes it (`remove_migrated`).
    """
    pid = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    home = _home_of_migrated(pid)
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / DATABASE).exists():
            env = {**clean_environment(), "FLYTEUI_HOME": str(home / "made")}
            subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=env, check=True)
            (home / "made" / DATABASE).rename(home / DATABASE)
    return home / DATABASE


def _home_of_migrated(pid: int) -> Path:
    return Path(tempfile.gettempdir()) / f"flyteui-migrated-{pid}"


def remove_migrated() -> None:
    """In the process that began the others, at its end."""
    shutil.rmtree(_home_of_migrated(os.getpid()), ignore_errors=True)


def clean_environment() -> dict[str, str]:
    """This process' environment without settings of ours, which it has loaded."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("FLYTEUI_", "DJANGO_"))}


class Server:
    """A server with a home folder of its own."""

    program: tuple[str, ...] = (sys.executable, "manage.py")
    folder = ROOT  # where it is started

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.own = home  # what is in the environment, or the command line, of each of its processes
        self.env = clean_environment() | {
            "FLYTEUI_HOME": str(home),
            # What a user's shell has. This process has loaded the settings, and with them a stricter one.
            "FLYTEUI_USER_UMASK": "022",
            "DO_NOT_TRACK": "1",
            **settings,
        }
        # Each server has its own, so that one test's uploads are not another's cache hits.
        self.env |= {"HOME": str(home / "client"), **PLAIN_OUTPUT}
        self.use_port(free_port())
        (home / "client").mkdir(parents=True, exist_ok=True)
        self.log = home / "up.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.commands = Forks("manage", {"DJANGO_SETTINGS_MODULE": "flyteui.settings", **self.env})
        self.start_seconds = 0.0
        self.is_migrated = True  # when it has no database yet, it begins with one that has been migrated
        self.demos: dict[str, str] = {}
        """The paths of finished demonstrations, by their shapes."""

    def use_port(self, port: int) -> None:
        self.port = port
        # Behind a proxy the two differ: this is where the server itself listens.
        self.url = f"{'https' if 'FLYTEUI_TLS_CERT' in self.env else 'http'}://localhost:{port}"
        self.env["FLYTEUI_PORT"] = str(port)

    def start(self, *options: str) -> Server:
        self.take_migrated()
        begun = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, "up", *options], cwd=self.folder, env=self.env, stdout=log, stderr=log
            )
        try:
            wait_until(self.is_ready, "the server is ready", 240, lambda: self.log.read_text()[-2000:])
        except TimeoutError:
            self.stop()  # or it would run on when the tests are over
            raise
        self.start_seconds = time.monotonic() - begun
        return self

    def take_migrated(self) -> bool:
        """Begin with a database that has been migrated, and say so, unless there is one already."""
        self.home.mkdir(parents=True, exist_ok=True)
        if not self.is_migrated or (self.home / DATABASE).exists() or "FLYTEUI_DATABASE_URL" in self.env:
            return False
        shutil.copy(migrated_database(), self.home / DATABASE)
        return True

    def is_ready(self) -> bool:
        try:
            return (
                httpx.get(f"{self.url}/readyz", timeout=2, verify=self.verify()).status_code == httpx.codes.OK
            )
        except httpx.HTTPError:
            return False

    def verify(self) -> ssl.SSLContext:
        """httpx's: by the authority that the server's own processes are told of."""
        if not self.url.startswith("https"):
            return plain_http.NOBODY
        return ssl.create_default_context(cafile=self.env.get("SSL_CERT_FILE"))

    @staticmethod
    def answers(port: int) -> bool:
        """Whether a web process is there; it may have no worker."""
        try:
            return plain_http.get(f"http://localhost:{port}/healthz", timeout=2).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def manage(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end."""
        return self.commands.run(*arguments, environment={**self.env, **environment})

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send the signal, wait for the end; returns how many seconds it took."""
        self.commands.end()
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(60)
        return time.monotonic() - begun

    def is_in_time(self, stopped_seconds: float) -> bool:
        """Whether a stop took no more than the 5 s that `up` promises, or than the start, on a machine where that takes longer."""
        return stopped_seconds < max(STOP_SECONDS, self.start_seconds)

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
        """Run the client to its end, in a fork of one that has loaded what it needs; returns what it printed."""
        done = clients().run("--config", str(self.home / "config.yaml"), *arguments, environment=self.env)
        return self._printed(done, code)

    @staticmethod
    def _printed(done: subprocess.CompletedProcess[str], code: int) -> str:
        printed = done.stdout + done.stderr
        assert done.returncode in {code} | CRASHES_AT_EXIT, f"it ended with {done.returncode}:\n{printed}"
        return printed

    def finish(self, client: subprocess.Popen[str], code: int = 0) -> str:
        """Wait until a client has done its work; returns what it printed. The caller looks whether that work was done."""
        printed, _ = client.communicate(timeout=NET_SECONDS)
        return self._printed(subprocess.CompletedProcess(client.args, client.returncode, printed, ""), code)

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
        return httpx.post(f"{self.url}/{method}", json=body, timeout=NET_SECONDS, verify=self.verify())

    def abort(self, run: str, action: str = "", *, reason: str = "by the test") -> None:
        """Abort a run, or an action of it, where the test is not about the client: that takes a second or two to start."""
        if action:
            body = {"actionId": {"run": self.run_id(run), "name": action}, "reason": reason}
            answer = self.call("flyteidl2.workflow.RunService/AbortAction", body)
        else:
            answer = self.call(
                "flyteidl2.workflow.RunService/AbortRun", {"runId": self.run_id(run), "reason": reason}
            )
        answer.raise_for_status()

    def run_id(self, run: str) -> dict[str, str]:
        return {"org": "flyteui", "project": "flytesnacks", "domain": "development", "name": run}

    # --- what is stored -----------------------------------------------------------------------------------------

    def query(self, sql: str, *parameters: Any) -> list[sqlite3.Row]:
        connection = sqlite3.connect(f"file:{self.home / DATABASE}?mode=ro", uri=True, timeout=20)
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

        return wait_until(running, f"{count} of {short_name} run")

    def wait_ended(self, run: str, action: str = "a0", seconds: float = 180) -> Phase:
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
