"""Plain functions in processes of their own: aborts from outside, and nesting, through the real client and server."""

from __future__ import annotations

import os
import time
from pathlib import Path

from runs.domain.phases import Escalation, Phase
from tests.support.processes import is_alive
from tests.support.server.server import Server, wait_until

FILE = "tests/workflows/plain_aborts.py"


def pids_in(server: Server, run: str, action: str = "a0") -> list[int]:
    return [int(line[4:]) for line in server.output(run, action).splitlines() if line.startswith("pid ")]


def pid_of(server: Server, run: str, action: str) -> int:
    return int(wait_until(lambda: pids_in(server, run, action), f"{action} prints its process")[0])


def the_sleeper(server: Server, run: str) -> str:
    return server.wait_running(run, "sleeper", 1)[0]


def test_an_abort_ends_the_process_of_a_plain_function(server: Server):
    run = server.submit(FILE, "sleeper", "--n", "1")
    pid = pid_of(server, run, "a0")

    server.cli("abort", run, "a0", "--reason", "enough")
    server.wait_all_ended(run)

    root = server.actions(run)["a0"]
    assert (Phase(root["phase"]), root["reason"]) == (Phase.ABORTED, "enough")
    assert server.output(run).endswith("cancelled: enough\ncleaned up\n")
    assert root["requested_at"] <= root["delivered_at"] <= root["ended_at"]
    assert (root["refusing_since"], root["escalation"]) == (None, Escalation.NONE), (
        "it was not ended by force"
    )
    assert not is_alive(pid)


def test_a_daemon_that_a_function_started_is_gone_when_the_row_says_aborted(server: Server):
    run = server.submit(FILE, "starts_a_daemon")
    pids = wait_until(lambda: pids_in(server, run)[:2][1:] and pids_in(server, run), "both processes")

    server.abort(run)

    assert server.wait_ended(run) is Phase.ABORTED
    assert not any(is_alive(pid) for pid in pids)


def test_a_function_that_refuses_is_ended_by_force_after_its_grace_period(server: Server):
    run = server.submit("--env", "FLYTEUI_ABORT_GRACE_SECONDS=1", FILE, "refuses")
    pid = pid_of(server, run, "a0")

    server.abort(run, reason="enough")

    assert server.wait_ended(run) is Phase.ABORTED
    assert not is_alive(pid)
    said = server.output(run)
    assert said.count("not now\n") == said.count("not at SIGTERM either\n") == 1
    root = server.actions(run)["a0"]
    assert root["requested_at"] <= root["delivered_at"] <= root["ended_at"]


def test_a_function_that_outlasts_its_limit_cleans_up(server: Server):
    run = server.submit(FILE, "outlasts_its_limit")

    assert server.wait_ended(run) is Phase.TIMED_OUT
    assert server.output(run).endswith("cleaned up\n")


def test_what_a_parent_leaves_behind_cleans_up(server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = server.submit("--env", f"GATE={gate}", FILE, "leaves_a_sleeper")
    child = the_sleeper(server, run)
    pid = pid_of(server, run, child)

    gate.touch()
    server.wait_all_ended(run)

    row = server.actions(run)[child]
    assert (Phase(row["phase"]), row["cause"]) == (Phase.ABORTED, "root ended")
    assert server.output(run, child).endswith("cleaned up\n")
    assert not is_alive(pid)


def test_an_abort_of_a_plain_parent_ends_it_and_the_child_that_it_waits_for(server: Server):
    run = server.submit(FILE, "waits")
    child = the_sleeper(server, run)
    pids = [pid_of(server, run, "a0"), pid_of(server, run, child)]

    server.abort(run, reason="enough")
    server.wait_all_ended(run)

    rows = server.actions(run)
    assert {Phase(row["phase"]) for row in rows.values()} == {Phase.ABORTED}
    assert rows[child]["target"] == "a0"
    assert not any(is_alive(pid) for pid in pids)


def test_a_plain_parent_that_catches_the_abort_of_its_child_goes_on(server: Server):
    run = server.submit(FILE, "catches")
    child = the_sleeper(server, run)

    server.cli("abort", run, child, "--reason", "I changed my mind (twice): so")
    server.wait_all_ended(run)

    assert server.phase(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert Phase(server.actions(run)[child]["phase"]) is Phase.ABORTED
    actor = server.actions(run)[child]["actor"]
    said = server.output(run)
    assert f"{child} {actor} I changed my mind (twice): so external abort " in said
    assert abs(float(said.rpartition("external abort ")[2].split()[0]) - time.time()) < 120
    assert "went on" in server.cli("get", "io", run)


def test_a_plain_parent_that_does_not_catch_it_fails_with_its_code(server: Server):
    run = server.submit(FILE, "does_not_catch")
    child = the_sleeper(server, run)

    server.abort(run, child, reason="by hand")
    server.wait_all_ended(run)

    root = server.actions(run)["a0"]
    assert (Phase(root["phase"]), root["error_code"]) == (Phase.FAILED, "ActionAbortedError")
    assert "by hand (external abort)" in root["error_message"]


def test_more_plain_functions_than_cores_nested_two_deep_all_finish(server: Server):
    run = server.submit(FILE, "nests", "--n", "5")

    server.wait_all_ended(run)

    assert server.phase(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert len(server.named(run, "leaf")) == 10
    assert str(sum(2 * i + 2 * (i + 1) for i in range(5))) in server.cli("get", "io", run)


def test_plain_functions_that_hold_all_slots_and_wait_for_other_runs_finish(server: Server):
    count = os.cpu_count() or 1
    server.cli("deploy", FILE, "env")
    run = server.submit("deployed-task", "plain_aborts.waits_for_runs", "--n", str(count))

    server.wait_all_ended(run)

    assert server.phase(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert str(sum(2 * i for i in range(count))) in server.cli("get", "io", run)


def test_an_orderly_stop_ends_the_process_and_the_next_start_runs_it_again(tmp_path: Path):
    server = Server(tmp_path).start()
    try:
        run = server.submit(FILE, "sleeper", "--n", "1")
        first = pid_of(server, run, "a0")

        took = server.stop()
        assert server.is_in_time(took)
        assert not is_alive(first)
        assert server.phase(run) is Phase.QUEUED

        server.start()
        second = wait_until(lambda: pids_in(server, run)[1:], "it runs again")[0]
        server.abort(run)
        assert server.wait_ended(run) is Phase.ABORTED
        assert not is_alive(second)
    finally:
        server.stop()


def test_an_async_task_that_blocks_its_loop_for_its_own_children_does_not_deadlock(server: Server):
    run = server.submit("tests/workflows/blocking.py", "main", "--n", "4")

    assert server.wait_ended(run) is Phase.SUCCEEDED
    assert server.phases(run, "double") == [Phase.SUCCEEDED] * 4
