"""Runs of one file at the same time: each in a process of its own, or sharing one where there is no room (law 13)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from runs.domain.phases import Phase
from tests.support.server.parts import doctor, executors_of, reserve_of
from tests.support.server.server import Server, wait_until

pytestmark = pytest.mark.e2e
FILE = "tests/workflows/neighbours.py"
CLEAN = {
    "remembered": [], "umask": 0o022, "variable": "", "filters": False, "ignores_signal": False, "is_dirty": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("home"), FLYTEUI_MAX_EXECUTORS="6").start()
    yield server
    server.stop()


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "home", FLYTEUI_MAX_EXECUTORS="1").start()
    yield server
    server.stop()


def pid_of(server: Server, run: str) -> int:
    def printed() -> str:
        return server.output(run) if server.phase(run) else ""

    said = wait_until(lambda: "pid " in printed() and printed(), f"{run} says which process it has")
    return int(said.split()[1])


def found(server: Server, run: str) -> dict[str, object]:
    """What a run found at its beginning."""
    return dict(json.loads(server.output(run).splitlines()[-1]))


def test_a_run_never_finds_what_another_has_left(server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    first = server.submit(FILE, "changes", "--gate", str(gate))
    pids = [pid_of(server, first)]
    beside = server.submit(FILE, "looks", "--gate", str(gate))
    pids.append(pid_of(server, beside))
    gate.touch()
    assert server.wait_ended(first) is server.wait_ended(beside) is Phase.SUCCEEDED
    # By and by they are forked from a process in which their module is imported.
    later = [server.submit(FILE, "looks", "--gate", str(gate)) for _ in range(3)]
    assert {server.wait_ended(run) for run in later} == {Phase.SUCCEEDED}
    pids += [pid_of(server, run) for run in later]

    assert len(set(pids)) == 5
    for run in (beside, *later):
        assert "a logger of the module says so" in server.output(run)
        state = found(server, run)
        assert str(server.home) in str(state.pop("folder"))
        assert state == CLEAN


def test_a_run_begins_in_the_process_that_its_file_keeps_in_reserve(server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    first = server.submit(FILE, "looks", "--gate", str(gate))
    pid_of(server, first)
    kept = wait_until(lambda: reserve_of(server), "an executor is kept in reserve")

    second = server.submit(FILE, "looks", "--gate", str(gate))

    assert pid_of(server, second) in kept
    gate.touch()
    assert server.wait_ended(second) is server.wait_ended(first) is Phase.SUCCEEDED
    assert found(server, second)["remembered"] == []
    assert doctor(server) == ""


def test_its_executor_leaves_when_a_run_has_ended(server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = server.submit(FILE, "looks", "--gate", str(gate))
    pid = pid_of(server, run)
    assert pid in executors_of(server)

    gate.touch()
    server.wait_ended(run)

    sql = "SELECT end_reason FROM runs_executor WHERE pid = ? AND state = 'gone'"
    (gone,) = wait_until(lambda: server.query(sql, pid), "its executor has left", 20)
    assert gone["end_reason"] == "its run has ended"


HARMLESS = {"block", "flood"}  # to who does it
SHARING = ("--env", "FLYTEUI_ISOLATE=never")  # also what has misbehaved before


@pytest.mark.parametrize("how", sorted({*HARMLESS, "descriptors", "exit", "exit in C", "kill", "segfault"}))
def test_law_13_what_one_run_does_is_not_noticed_in_another(server: Server, tmp_path: Path, how: str):
    gate, fault = tmp_path / "gate", tmp_path / "fault"
    innocent = server.submit(*SHARING, FILE, "looks", "--gate", str(gate))
    pid = pid_of(server, innocent)
    culprit = server.submit(*SHARING, FILE, "misbehaves", "--how", how, "--gate", str(fault))
    server.wait_running(culprit, "child", 1)

    fault.touch()
    assert server.wait_ended(culprit) is (Phase.SUCCEEDED if how in HARMLESS else Phase.FAILED)
    executor = server.actions(innocent)["a0"]["executor_id"]
    (where,) = server.query("SELECT state FROM runs_executor WHERE id = ?", executor)
    gate.touch()

    assert where["state"] == "connected"
    assert server.wait_ended(innocent) is Phase.SUCCEEDED
    row = server.actions(innocent)["a0"]
    assert (row["lease_epoch"], row["system_failures"]) == (1, 0)
    assert pid_of(server, innocent) == pid
    assert doctor(server) == ""


def test_where_there_is_no_room_runs_share_an_executor_and_both_go_on(crowded: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    runs = [crowded.submit(FILE, "looks", "--gate", str(gate)) for _ in range(2)]

    assert len({pid_of(crowded, run) for run in runs}) == 1
    gate.touch()

    assert {crowded.wait_ended(run) for run in runs} == {Phase.SUCCEEDED}
    assert doctor(crowded) == ""
