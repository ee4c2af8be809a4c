"""What refuses to stop, with the real server: each kind runs beside a neighbour in the same process, below one parent."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from runs.domain.phases import Escalation, Phase
from tests.support.server.server import ROOT, Server, wait_until

FILE = "tests/workflows/refusing.py"
GRACE_SECONDS = 1.0
LONG_GRACE = "3600"  # of the runs that are forced; what ends sooner has not waited for it
CLOSED = ["swallows", "shields", "refuses", "cleans_up_for_ever", "gathers_refusals"]
COSTS_A_PROCESS = ["blocks", "spins"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("home"), FLYTEUI_ABORT_GRACE_SECONDS=str(GRACE_SECONDS)).start()
    yield server
    server.stop()


class Scene(NamedTuple):
    """A run whose root awaits the one that refuses and its neighbour."""

    server: Server
    run: str
    gate: Path
    refusing: str
    neighbour: str

    def action(self, name: str) -> sqlite3.Row:
        return self.server.actions(self.run)[name]

    def causes(self, name: str) -> list[str]:
        row = self.action(name)
        events = self.server.query(
            "SELECT cause FROM runs_actionevent WHERE action_id = ? ORDER BY id", row["id"]
        )
        return [event["cause"] for event in events]

    def ends_well(self) -> None:
        """The neighbour may end now, and so does the parent, with what became of both."""
        (self.gate / "open").touch()
        assert self.server.wait_ended(self.run) is Phase.SUCCEEDED
        assert Phase(self.action(self.neighbour)["phase"]) is Phase.SUCCEEDED
        assert [self.action(name)["system_failures"] for name in ("a0", self.neighbour)] == [0, 0]


def begin(server: Server, tmp_path: Path, kind: str, *options: str) -> Scene:
    run = server.submit(*options, FILE, "main", "--kind", kind, "--gate", str(tmp_path))
    names = {}
    for task in (kind, "neighbour"):
        (names[task],) = server.wait_running(run, task, 1)
    if kind == "starves":
        (tmp_path / "go").touch()
        wait_until((tmp_path / "starving").exists, "it starves its process")
    else:
        wait_until(lambda: "began" in server.output(run, names[kind]), f"{kind} has begun")
    return Scene(server, run, tmp_path, names[kind], names["neighbour"])


@pytest.mark.parametrize("kind", CLOSED)
def test_law_6_what_refuses_on_a_live_loop_is_closed_and_nobody_else_is_disturbed(
    server: Server, tmp_path: Path, kind: str
):
    scene = begin(server, tmp_path, kind)
    before = {name: scene.action(name)["lease_epoch"] for name in ("a0", scene.neighbour)}

    server.abort(scene.run, scene.refusing, reason="enough")
    assert server.wait_ended(scene.run, scene.refusing) is Phase.ABORTED

    ended = scene.action(scene.refusing)
    assert ended["escalation"] == Escalation.CLOSED
    assert ended["requested_at"] < ended["delivered_at"] < ended["refusing_since"] < ended["ended_at"]
    assert "refusing.py" in ended["stuck_in"]
    assert (ended["reason"], ended["escalates_at"]) == ("enough", None)
    assert scene.causes(scene.refusing).count("refused to stop") == 2
    assert {name: scene.action(name)["lease_epoch"] for name in before} == before
    scene.ends_well()
    assert {name: scene.action(name)["lease_epoch"] for name in before} == before


@pytest.mark.parametrize("kind", COSTS_A_PROCESS)
def test_law_6_a_blocked_loop_costs_its_process_and_the_innocent_run_again(
    server: Server, tmp_path: Path, kind: str
):
    scene = begin(server, tmp_path, kind)
    process = scene.action(scene.refusing)["executor_id"]

    server.abort(scene.run, scene.refusing, reason="enough")
    wait_until(lambda: scene.action(scene.refusing)["stuck_in"], "its stack is known")
    assert Phase(scene.action(scene.refusing)["phase"]) is Phase.RUNNING, "it has not stopped yet"
    assert server.wait_ended(scene.run, scene.refusing) is Phase.ABORTED

    ended = scene.action(scene.refusing)
    assert ended["escalation"] == Escalation.PROCESS
    assert ("time.sleep(600)" if kind == "blocks" else "while True:") in ended["stuck_in"]
    assert scene.causes(scene.refusing)[-1] == "refused to stop"
    scene.ends_well()
    for name in ("a0", scene.neighbour):
        assert scene.action(name)["lease_epoch"] == 2
        assert scene.action(name)["executor_id"] != process
        assert "shutdown" in scene.causes(name)
    (gone,) = server.query("SELECT * FROM runs_executor WHERE id = ?", process)
    assert gone["state"] == "gone"
    assert "refuses to stop" in gone["end_reason"]


def test_law_6_what_silences_its_process_too_costs_it_as_well(server: Server, tmp_path: Path):
    """Its C code never lets go of Python's lock, so nobody there can report: the server waits for no word of it."""
    scene = begin(server, tmp_path, "starves")

    begun = time.monotonic()
    server.abort(scene.run, scene.refusing)
    assert server.wait_ended(scene.run, scene.refusing) is Phase.ABORTED

    assert time.monotonic() - begun > 2 * GRACE_SECONDS
    assert scene.action(scene.refusing)["escalation"] == Escalation.PROCESS
    scene.ends_well()


def by_cli(scene: Scene) -> None:
    scene.server.cli("abort", scene.run, scene.refusing, "--force")


def by_manage(scene: Scene) -> None:
    command = [sys.executable, "manage.py", "abort", scene.run, scene.refusing, "--force"]
    subprocess.run(command, cwd=ROOT, env=scene.server.env, check=True, timeout=180)


@pytest.mark.parametrize(
    ("kind", "force"),
    [("swallows", by_cli), ("refuses", by_manage), ("blocks", by_cli), ("spins", by_manage)],
)
def test_force_waits_for_no_grace(server: Server, tmp_path: Path, kind: str, force):
    scene = begin(server, tmp_path, kind, "--env", f"FLYTEUI_ABORT_GRACE_SECONDS={LONG_GRACE}")
    server.abort(scene.run, scene.refusing, reason="enough")

    begun = time.monotonic()
    force(scene)
    assert server.wait_ended(scene.run, scene.refusing) is Phase.ABORTED

    print(f"{kind}: stopped {time.monotonic() - begun:.1f} s after the command was started")
    ended = scene.action(scene.refusing)
    assert (ended["reason"], ended["forced_at"] is not None) == ("enough", True)
    assert "forced" in scene.causes(scene.refusing)
    scene.ends_well()


def test_a_grace_that_is_none_is_refused_and_nothing_runs(server: Server):
    printed = server.flyte(
        "run", "--env", "FLYTEUI_ABORT_GRACE_SECONDS=soon", FILE, "polite"
    ).communicate(timeout=180)[0]  # fmt: skip

    assert "FLYTEUI_ABORT_GRACE_SECONDS is 'soon'" in printed.replace("\n", " ")
