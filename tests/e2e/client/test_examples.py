"""The seed flows, through the real CLI and SDK, as the issue describes them."""

from __future__ import annotations

import pytest

from runs.domain.phases import Phase
from tests.support import plain_http
from tests.support.server.server import RUN_URL, Server, wait_until


@pytest.fixture(scope="module")
def submitted(server: Server) -> dict[str, str]:
    """The flows that take long, all started at once."""
    return {
        "lifetime": server.submit("examples/action_lifetime.py", "main", "--seconds", "30"),
        "cancel": server.submit("examples/cancel_tasks.py", "main", "--n", "30", "--f", "10.0"),
    }


def test_the_end_of_the_root_cancels_what_it_left_behind(server: Server, submitted: dict[str, str]):
    run = submitted["lifetime"]

    server.wait_all_ended(run)

    root, sleeper = server.actions(run)["a0"], server.named(run, "sleep_for")[0]
    assert Phase(root["phase"]) is Phase.SUCCEEDED
    assert (Phase(sleeper["phase"]), sleeper["cause"], sleeper["target"]) == (
        Phase.ABORTED,
        "root ended",
        "a0",
    )
    assert sleeper["delivered_at"] is not None
    assert "sleep_for was cancelled" in server.output(run, sleeper["name"])
    assert "Main finished" in server.output(run)
    assert server.named(run, "do_something") == []


def test_a_parent_that_cancels_its_children_in_code_aborts_them(server: Server, submitted: dict[str, str]):
    run = submitted["cancel"]

    server.wait_all_ended(run)

    failing = server.named(run, "failing_task")[0]
    assert server.phase(run) is Phase.SUCCEEDED
    assert (Phase(failing["phase"]), failing["error_code"]) == (Phase.FAILED, "ValueError")
    assert "I will fail!" in failing["error_message"]
    sleepers = server.named(run, "sleepers")
    assert len(sleepers) == 30
    for row in sleepers:
        assert Phase(row["phase"]) in {Phase.SUCCEEDED, Phase.ABORTED}
        assert Phase(row["phase"]) is Phase.SUCCEEDED or row["cause"] == "cancelled by parent"


def test_sleepers_that_outlast_the_failure_are_all_cancelled_by_their_parent(server: Server):
    run = server.submit("tests/workflows/outlasting.py", "main", "--n", "30")

    server.wait_all_ended(run)

    sleepers = server.named(run, "sleeper")
    assert server.phase(run) is Phase.SUCCEEDED
    assert [(Phase(row["phase"]), row["cause"]) for row in sleepers] == [
        (Phase.ABORTED, "cancelled by parent")
    ] * 30
    assert "cleaned up\n" in server.output(run, sleepers[0]["name"])


def test_an_external_abort_is_a_value_under_return_exceptions(server: Server):
    run = server.submit("examples/external_abort.py", "main", "--n", "4", "--sleep_for", "45")
    victim = server.wait_running(run, "long_sleeper", 4)[1]

    server.cli("abort", run, victim, "--reason", "I changed my mind")
    server.wait_all_ended(run)

    rows = server.actions(run)
    assert (Phase(rows[victim]["phase"]), rows[victim]["reason"]) == (Phase.ABORTED, "I changed my mind")
    assert sorted(server.phases(run, "long_sleeper")) == [Phase.SUCCEEDED] * 3 + [Phase.ABORTED]
    assert server.phase(run) is Phase.SUCCEEDED
    printed = server.output(run)
    assert "Sleeper 1 was stopped from outside" in printed
    assert "I changed my mind" in printed
    assert "Hello World!" in server.cli("get", "io", run)


def test_an_external_abort_that_is_caught_lets_the_parent_go_on(server: Server):
    run = server.submit("examples/abort_caught.py", "main", "--n", "3", "--sleep_for", "3600")
    victim = server.wait_running(run, "long_sleeper", 3)[0]

    server.cli("abort", run, victim)
    server.wait_all_ended(run)

    assert server.phase(run) is Phase.SUCCEEDED
    assert "Caught: " in server.output(run)
    causes = {row["name"]: row["cause"] for row in server.named(run, "long_sleeper")}
    assert causes.pop(victim) == "external abort"
    assert set(causes.values()) == {"cancelled by parent"}


def test_an_external_abort_that_nobody_catches_fails_the_parent_and_takes_the_others_along(server: Server):
    run = server.submit("examples/abort_caught.py", "main", "--n", "3", "--sleep_for", "3600", "--no-catch")
    victim = server.wait_running(run, "long_sleeper", 3)[0]

    server.cli("abort", run, victim)
    server.wait_all_ended(run)

    root = server.actions(run)["a0"]
    assert (Phase(root["phase"]), root["error_code"]) == (Phase.FAILED, "ActionAbortedError")
    causes = {row["name"]: row["cause"] for row in server.named(run, "long_sleeper")}
    assert causes.pop(victim) == "external abort"
    assert set(causes.values()) == {"root ended"}


def test_follow_prints_the_log_until_the_run_ends(server: Server):
    printed = server.cli("run", "--follow", "tests/workflows/printing.py", "main")

    assert "the first line" in printed
    assert "the last line" in printed


def test_a_script_that_runs_itself_prints_a_url_that_opens_our_page(server: Server):
    import httpx

    printed = server.finish(server.python("tests/workflows/printing.py"))

    found = RUN_URL.search(printed)
    assert found, printed
    shown = plain_http.get(found.group(0), timeout=20)
    assert shown.status_code == httpx.codes.OK
    assert found.group(4) in shown.text


def test_a_plain_function_runs_in_a_process_of_its_own(server: Server):
    run = server.submit("tests/workflows/plain.py", "main")

    server.wait_all_ended(run)

    assert server.phase(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    inner = server.named(run, "inner")[0]
    assert Phase(inner["phase"]) is Phase.SUCCEEDED
    assert "plain main in process" in server.output(run)


def test_a_module_that_fails_to_import_fails_the_action_with_its_traceback(server: Server):
    run = server.submit("tests/workflows/broken_import.py", "main")

    assert server.wait_ended(run) is Phase.FAILED
    root = server.actions(run)["a0"]
    assert root["error_code"] == "ImportError"
    assert "only on the client" in root["error_message"]
    assert "Traceback" in root["error_message"]


@pytest.mark.parametrize("example", ["action_lifetime", "cancel_tasks", "external_abort", "abort_caught"])
def test_each_example_runs_as_a_script(server: Server, example: str):
    """It prints its URL at once; its run is then aborted, because it would take half a minute."""
    script = server.python(f"examples/{example}.py")
    assert script.stdout is not None
    line = next(line for line in script.stdout if "/runs/" in line)
    found = RUN_URL.search(line)
    assert found, line
    run = found.group(4)
    wait_until(lambda: server.phase(run) is Phase.RUNNING, f"{run} runs")

    server.abort(run)
    script.communicate(timeout=180)

    assert server.wait_ended(run) is Phase.ABORTED
