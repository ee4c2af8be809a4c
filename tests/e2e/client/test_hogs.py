"""Native code that keeps Python's lock: its worker tells who it is, and what it holds up can be stopped (law 13)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from runs.domain.phases import Escalation, Phase
from tests.support import plain_http
from tests.support.server.parts import doctor
from tests.support.server.server import Server, wait_until

FILE = "tests/workflows/hogging.py"
SILENT = """
SELECT e.*, a.name AS culprit FROM runs_executor e LEFT JOIN runs_action a ON a.id = e.blocked_by_id
JOIN runs_executor_runs er ON er.executor_id = e.id JOIN runs_run r ON r.id = er.run_id
WHERE e.is_silent AND r.name = ?
"""
EXECUTOR = "SELECT * FROM runs_executor WHERE id = ?"


def submit(server: Server, book: Path, *options: str, grace: int = 3600) -> str:
    book.touch()
    Path(f"{book}.lock").write_bytes(b"\0")
    # Shared, whatever an earlier test has seen of these tasks.
    variables = ("--env", "FLYTEUI_ISOLATE=never", "--env", f"FLYTEUI_ABORT_GRACE_SECONDS={grace}")
    return server.submit(*variables, FILE, "main", "--book", str(book), *options)


def silent(server: Server, run: str) -> list[sqlite3.Row]:
    return server.query(SILENT, run)


def give_back(book: Path) -> None:
    with Path(f"{book}.lock").open("r+b") as file:
        file.write(b"\1")


def until_known(server: Server, run: str, hog: str = "hogs") -> sqlite3.Row:
    """The executor, once the page knows who keeps it from running."""
    (executor,) = wait_until(lambda: silent(server, run), "the silence is reported")
    (culprit,) = server.named(run, hog)
    assert (executor["state"], executor["culprit"]) == ("blocked", culprit["name"])
    return executor


def names(server: Server, run: str, task: str) -> list[str]:
    return [row["name"] for row in server.named(run, task)]


def test_its_worker_says_who_keeps_the_lock_and_where_and_that_it_is_over(server: Server, tmp_path: Path):
    book = tmp_path / "book"
    run = submit(server, book)

    executor = until_known(server, run)

    assert "hogging.py" in executor["blocked_in"]
    assert "in keep_lock" in executor["blocked_in"]
    (hog,) = names(server, run, "hogs")
    assert (
        f'flyteui_loop_blocked_seconds{{action="{run}/{hog}"}}'
        in plain_http.get(f"{server.url}/metrics").text
    )
    give_back(book)
    wait_until(lambda: not silent(server, run), "the silence is over")
    Path(f"{book}.gate").touch()
    assert server.wait_ended(run) is Phase.SUCCEEDED
    assert "kept it fine fine" in " ".join(server.cli("get", "io", run).split())
    assert {row["lease_epoch"] for row in server.actions(run).values()} == {1}
    assert "loop-blocked" not in doctor(server)


@pytest.mark.parametrize("is_forced", [False, True])
def test_what_it_holds_up_is_stopped_by_ending_its_process_and_the_others_go_on(
    server: Server, tmp_path: Path, is_forced: bool
):
    book = tmp_path / "book"
    run = submit(server, book, grace=3600 if is_forced else 10)
    executor = until_known(server, run)
    victim, other = names(server, run, "innocent")
    assert "loop-blocked" in doctor(server)

    if is_forced:
        server.cli("abort", run, victim, "--force")
    else:
        server.abort(run, victim)
    server.wait_ended(run, victim)

    row = server.actions(run)[victim]
    assert (Phase(row["phase"]), row["escalation"]) == (Phase.ABORTED, Escalation.PROCESS)
    (gone,) = server.query(EXECUTOR, executor["id"])
    assert f"blocks its event loop, and {victim} of run {run} is to stop" in gone["end_reason"]
    give_back(book)
    Path(f"{book}.gate").touch()
    assert server.wait_ended(run) is Phase.SUCCEEDED
    assert "kept it" in server.cli("get", "io", run)
    assert [server.actions(run)[name]["system_failures"] for name in (other, "a0")] == [0, 0]


def test_a_thread_that_keeps_it_is_told_from_the_loop_that_waits(server: Server, tmp_path: Path):
    book = tmp_path / "book"
    run = submit(server, book, "--in_thread")

    executor = until_known(server, run, "hogs_in_thread")

    assert executor["blocked_in"] == ""
    give_back(book)
    Path(f"{book}.gate").touch()
    assert server.wait_ended(run) is Phase.SUCCEEDED
