"""A task that was seen to disturb others runs alone from the next time on, and nobody else is charged meanwhile."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from runs.domain.phases import Phase
from tests.support.server.server import Server

FILE = "tests/workflows/unmannered.py"
MANNERS = "SELECT * FROM runs_manner WHERE task_name LIKE 'unmannered.%'"


def said(server: Server, run: str) -> str:
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return " ".join(server.cli("get", "io", run).split())


def remembered(server: Server, task: str) -> sqlite3.Row:
    (manner,) = [row for row in server.query(MANNERS) if row["task_name"] == f"unmannered.{task}"]
    return manner


def test_what_left_something_behind_or_changed_or_blocked_its_process_runs_alone_the_next_time(
    server: Server,
):
    assert "shared shared shared shared" in said(server, server.submit(FILE, "main"))

    again = server.submit(FILE, "main")
    assert "alone alone alone alone" in said(server, again)
    # What blocks its loop when it has it for itself has not become well-mannered.
    for task in ("blocks", "blocks_briefly"):
        manner = remembered(server, task)
        assert (manner["kind"], manner["run_name"], manner["clean_executions"]) == ("blocked", again, 0)
    assert "main" not in {row["task_name"].partition(".")[2] for row in server.query(MANNERS)}
    shared = server.submit("--env", "FLYTEUI_ISOLATE=never", FILE, "main")
    assert "shared shared shared shared" in said(server, shared)


@pytest.mark.parametrize(("time", "begun"), [("the first time", 2), ("the next time", 3)])
@pytest.mark.parametrize("task", ["dies", "dies_in_thread"])
def test_law_13_a_crash_is_charged_to_its_action_and_the_next_time_nobody_notices(
    server: Server, tmp_path_factory: pytest.TempPathFactory, task: str, time: str, begun: int
):
    book = Path(tmp_path_factory.getbasetemp(), f"begun-{task}")
    in_thread = ("--in_thread",) if task == "dies_in_thread" else ()

    run = server.submit(FILE, "beside_one_that_dies", "--book", str(book), *in_thread)

    assert f"SegmentationFault {begun}" in said(server, run)
    others = [row for row in server.actions(run).values() if row["phase"] != Phase.FAILED]
    assert len(others) == 2
    assert all(row["system_failures"] == 0 for row in others)
    manner = remembered(server, task)
    assert (manner["kind"], manner["run_name"], manner["clean_executions"]) == ("died", run, 0)
