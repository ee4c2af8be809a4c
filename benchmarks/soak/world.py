"""The server under the soak: requests to it, reads of its database, and the processes that belong to it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from benchmarks.server import ROOT
from tests.support import plain_http

SCOPE = {"org": "flyteui", "project": "flytesnacks", "domain": "development"}
PATIENCE_SECONDS = 90.0
# What a server says that was killed a moment ago, or that is being started.
AGAIN = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY, HTTPStatus.INTERNAL_SERVER_ERROR})


class Unanswered(Exception):
    """The server gave no answer for longer than any restart takes."""


class World:
    """url: of the server. home: its folder. where: the folder of the marks."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.home = home
        self.where = home / "marks"
        self.where.mkdir(exist_ok=True)
        self._template: dict[str, Any] = {}

    # --- asking -------------------------------------------------------------------------------------------------

    def ask(self, send: Callable[[httpx.Client], httpx.Response]) -> httpx.Response:
        """Ask until there is an answer; what is asked may be repeated without harm."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                with plain_http.Client(timeout=30) as client:
                    answer = send(client)
                if answer.status_code not in AGAIN:
                    return answer
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise Unanswered(f"no answer within {PATIENCE_SECONDS:g} s")

    def call(self, method: str, body: dict[str, Any]) -> httpx.Response:
        """A Connect call as JSON; `method` is Service/Method of flyteidl2.workflow."""
        return self.ask(lambda client: client.post(f"{self.url}/flyteidl2.workflow.{method}", json=body))

    def run_id(self, run: str) -> dict[str, str]:
        return {**SCOPE, "name": run}

    def page(self, run: str) -> str:
        return f"{self.url}/v2/domain/development/project/flytesnacks/runs/{run}"

    def submit_first(self, seed: int) -> str:
        """Through the real client, which uploads the code; later runs take the same task."""
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("flyte")), "--config", str(self.home / "config.yaml"),
                "run", "benchmarks/soak/flows.py", "main", "--where", str(self.where), "--seed", str(seed),
            ],
            cwd=ROOT, env={**os.environ, "HOME": str(self.home)}, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        run = next(name for name in self.run_names() if name.encode() in done.stdout.replace(b"\n", b""))
        answer = self.call("RunService/GetRunDetails", {"runId": self.run_id(run)})
        details = answer.json()["details"]
        self._template = {
            "taskSpec": details["action"]["task"],
            "runSpec": {"envs": details["runSpec"]["envs"]},
        }
        return run

    def submit(self, run: str, seed: int) -> None:
        """A run of this name; one that exists already is what an earlier try, whose answer was lost, has made."""
        values = {"where": {"stringValue": str(self.where)}, "seed": {"integer": str(seed)}}
        literals = [{"name": name, "value": {"scalar": {"primitive": one}}} for name, one in values.items()]
        body = {"runId": self.run_id(run), "inputs": {"literals": literals}, **self._template}
        answer = self.call("RunService/CreateRun", body)
        if answer.status_code != HTTPStatus.OK and answer.json().get("code") != "already_exists":
            raise RuntimeError(f"run {run} was refused: {answer.text}")

    # --- the database -------------------------------------------------------------------------------------------

    @staticmethod
    def run_names() -> list[str]:
        from runs.models import Run

        return list(Run.objects.values_list("name", flat=True))

    @staticmethod
    def live_actions() -> list[tuple[str, str]]:
        """Run and name of everything that has not ended."""
        from runs.domain.phases import LIVE
        from runs.models import Action

        live = Action.objects.filter(phase__in=sorted(LIVE)).order_by("pk")
        return list(live.values_list("run__name", "name"))

    # --- processes ----------------------------------------------------------------------------------------------

    def pids(self, kind: str) -> list[int]:
        """Processes of this server, and of no other: by its home, or by what its database says of its executors."""
        if kind in {"web", "worker"}:
            word = " flyteui.web " if kind == "web" else " flyteui.worker"
            home = f"FLYTEUI_HOME={self.home}\0".encode()
            return [pid for pid in all_pids() if word in command(pid) and home in read(pid, "environ")]
        executors = self.executors()
        if kind == "executor":
            return executors
        zygotes = [
            child for pid in executors for child in children_of([pid]) if "runs.executor" in command(child)
        ]
        return zygotes if kind == "zygote" else list(children_of(zygotes))

    @staticmethod
    def executors() -> list[int]:
        from runs.models import Executor

        known = Executor.objects.exclude(state=Executor.State.GONE).values_list("pid", flat=True)
        return [pid for pid in known if pid is not None and "runs.executor" in command(pid)]


def all_pids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def read(pid: int, file: str) -> bytes:
    try:
        return (Path("/proc") / str(pid) / file).read_bytes()
    except OSError:
        return b""


def command(pid: int) -> str:
    return read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace")


def children_of(parents: Sequence[int]) -> Iterator[int]:
    for pid in all_pids():
        fields = read(pid, "stat").rpartition(b")")[2].split()
        if fields and int(fields[1]) in parents:
            yield pid
