"""`timeout=` with the real client: what the task sees, what its parent hears, what is stored."""

from __future__ import annotations

from pathlib import Path

from runs.domain.limits import DEADLINE, MAX_RUNTIME, QUEUED_TIMEOUT
from runs.domain.phases import Phase
from tests.support.server.server import Server

FILE = "tests/workflows/limited.py"


def heard(server: Server, run: str) -> str:
    """What the root says of its children, once it has succeeded."""
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return server.output(run)


def test_limits_stop_coroutines_and_functions_and_parents_hear_which(server: Server):
    run = server.submit(FILE, "hears_of_limits")

    said = heard(server, run)

    assert said.count("heard MaxRuntimeExceededError: ") == 2
    assert "attempt 1 ran longer than its limit of 0.5 s" in said
    assert "heard DeadlineExceededError: " in said
    assert "it did not end before its deadline" in said
    assert "second attempt" in server.cli("get", "io", run)
    ends = {row["short_name"]: row for row in server.actions(run).values()}
    for name, code in (
        ("runs_too_long", MAX_RUNTIME),
        ("blocks_too_long", MAX_RUNTIME),
        ("misses_its_deadline", DEADLINE),
    ):
        row = ends[name]
        assert (Phase(row["phase"]), row["error_code"], row["attempt"]) == (Phase.TIMED_OUT, code, 1)
        assert row["cause"] == "timeout"
        assert row["requested_at"] <= row["delivered_at"] <= row["ended_at"]
    assert (Phase(ends["needs_two_attempts"]["phase"]), ends["needs_two_attempts"]["attempt"]) == (
        Phase.SUCCEEDED, 2,
    )  # fmt: skip


def test_a_coroutine_sees_why_and_may_clean_up(server: Server):
    run = server.submit(FILE, "runs_too_long")

    assert server.wait_ended(run) is Phase.TIMED_OUT

    said = server.output(run)
    assert "runs_too_long was cancelled: " in said
    assert "ran longer than its limit of 0.5 s" in said
    assert "runs_too_long cleaned up" in said
    shown = server.cli("get", "run", run)
    assert "TIMED_OUT" in shown.upper().replace(" ", "_")


def test_a_plain_parent_hears_which_limit_its_child_exceeded(server: Server):
    run = server.submit(FILE, "hears_plainly")

    assert "heard MaxRuntimeExceededError: " in heard(server, run)


def test_what_nobody_can_run_in_time_times_out_in_the_queue(tmp_path: Path):
    """It waits for an executor that has to import everything first."""
    server = Server(tmp_path, FLYTEUI_MAX_EXECUTORS="1").start()
    try:
        run = server.submit(FILE, "hears_of_the_queue")

        said = heard(server, run)
        assert "heard MaxQueuedTimeExceededError: " in said
        assert "attempt 1 was queued longer than its limit of 0.5 s" in said
        (child,) = server.named(run, "waits_too_long")
        assert (Phase(child["phase"]), child["error_code"]) == (Phase.TIMED_OUT, QUEUED_TIMEOUT)
        assert child["started_at"] is None
    finally:
        server.stop()
