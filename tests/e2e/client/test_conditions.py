"""Conditions with the real client: signalled, listed, aborted, timed out, and met again by a second attempt."""

from __future__ import annotations

import os
import signal

from runs.domain.phases import Phase
from tests.support.server.server import Server, wait_until

FILE = "tests/workflows/waiting.py"


def paused(server: Server, run: str, count: int = 1) -> dict[str, str]:
    """The waiting conditions' names by their titles, once there are so many."""

    def waiting() -> dict[str, str]:
        rows = [row for row in server.actions(run).values() if Phase(row["phase"]) is Phase.PAUSED]
        return {row["task_name"]: row["name"] for row in rows} if len(rows) == count else {}

    return wait_until(waiting, f"{count} conditions wait")


def result(server: Server, run: str) -> str:
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return server.cli("get", "io", run)


def test_the_client_signals_each_type_and_the_parent_gets_it(server: Server):
    run = server.submit(FILE, "asks_all")
    names = paused(server, run, 4)

    listed = server.cli("get", "condition", run)
    assert all(name[:15] in listed for name in names.values()), listed
    assert all(f" {kind} " in listed for kind in ("bool", "int", "float", "str"))
    refused = server.cli("signal", "condition", run, names["size"], "many", code=1)
    assert "could not parse 'many' as int" in refused
    for title, value in {"ok": "yes", "size": "42", "share": "2", "word": "a b"}.items():
        printed = server.cli("signal", "condition", run, names[title], value)
        assert "has been signaled" in printed

    assert "bool=True int=42 float=2.0 str='a b'" in result(server, run)
    again = server.cli("signal", "condition", run, names["size"], "43", code=1)
    assert "was signalled with 42 by" in again.replace("\n", " ")
    assert Phase(server.actions(run)[names["size"]]["phase"]) is Phase.SUCCEEDED


def test_conditions_of_one_name_in_one_process_are_kept_apart(server: Server):
    run = server.submit(FILE, "two_ask")
    wait_until(
        lambda: len([r for r in server.actions(run).values() if r["phase"] == Phase.PAUSED]) == 2, "two wait"
    )
    by_parent = {
        server.query("SELECT name FROM runs_action WHERE id = ?", row["parent_id"])[0]["name"]: name
        for name, row in server.actions(run).items()
        if row["task_name"] == "same name"
    }

    for parent, condition in by_parent.items():
        server.cli("signal", "condition", run, condition, f"for-{parent}")

    said = result(server, run)
    assert len(by_parent) == 2
    assert sorted(f"for-{parent}" in said for parent in by_parent) == [True, True]
    rows = server.actions(run)
    outputs = {parent: server.cli("get", "io", run, parent) for parent in by_parent}
    assert all(f"heard for-{parent}" in text for parent, text in outputs.items()), rows


def test_a_plain_function_waits_for_a_condition_too(server: Server):
    run = server.submit(FILE, "asks_plainly", "--seconds", "3600")
    names = paused(server, run)

    server.cli("signal", "condition", run, names["plain"], "3")

    assert "plainly 3" in result(server, run)


def test_a_condition_that_nobody_signals_times_out_in_both_kinds_of_parent(server: Server):
    runs = [server.submit(FILE, task, "--seconds", "0.5") for task in ("asks_briefly", "asks_plainly")]

    for run in runs:
        assert "timed out: " in result(server, run)
        (condition,) = [row for name, row in server.actions(run).items() if name != "a0"]
        assert (condition["phase"], condition["error_code"]) == (Phase.TIMED_OUT, "ConditionTimedOut")


def test_the_parent_of_an_aborted_condition_hears_who_did_it_and_goes_on(server: Server):
    for task in ("asks_briefly", "asks_plainly"):
        run = server.submit(FILE, task, "--seconds", "600")
        (name,) = paused(server, run).values()

        server.cli("abort", "action", run, name, "--reason", "nobody is in")

        assert ": nobody is in (external abort)" in result(server, run).replace("\n", "")
        assert server.phase(run, name) is Phase.ABORTED


def test_a_second_attempt_meets_the_conditions_of_the_first(server: Server):
    run = server.submit(FILE, "asks_and_fails_once")
    names = paused(server, run, 2)
    server.cli("signal", "condition", run, names["early"], "1")
    wait_until(lambda: server.actions(run)["a0"]["attempt"] == 2, "the second attempt begins")
    wait_until(lambda: server.output(run).count("early is 1") == 2, "it has replayed the value")

    assert server.phase(run, names["late"]) is Phase.PAUSED
    server.cli("signal", "condition", run, names["late"], "2")

    assert "1 2" in result(server, run)
    assert len(server.actions(run)) == 3


def test_a_parent_whose_executor_was_killed_meets_its_conditions_again(server: Server):
    run = server.submit(FILE, "asks_twice_and_survives")
    names = paused(server, run, 2)
    server.cli("signal", "condition", run, names["early"], "1")
    wait_until(lambda: "early is 1" in server.output(run), "it has the first value")

    os.kill(int(server.output(run).split()[-1]), signal.SIGKILL)
    wait_until(lambda: server.output(run).count("early is 1") == 2, "another process has it too")
    assert server.phase(run, names["late"]) is Phase.PAUSED
    server.cli("signal", "condition", run, names["late"], "2")

    assert "1 2" in result(server, run)
