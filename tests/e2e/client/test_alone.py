"""Coroutines that run alone (FLYTEUI_ISOLATE=always): to their code, their parents and who aborts them it is as in a shared loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runs.domain.phases import Escalation, Phase
from tests.support.processes import is_alive
from tests.support.server.server import Server, wait_until

FILE = "tests/workflows/alone.py"
ALONE = ("--env", "FLYTEUI_ISOLATE=always")


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One process at a time."""
    server = Server(tmp_path_factory.mktemp("home"), FLYTEUI_MAX_PROCESSES="1").start()
    yield server
    server.stop()


def submit(server: Server, *arguments: str, grace: str = "30", file: str = FILE) -> str:
    return server.submit(*ALONE, "--env", f"FLYTEUI_ABORT_GRACE_SECONDS={grace}", file, *arguments)


def pid_of(server: Server, run: str, action: str = "a0") -> int:
    """The process of the action, once it has printed it."""

    def printed() -> list[str]:
        if action not in server.actions(run):
            return []
        return [line for line in server.output(run, action).splitlines() if line.startswith("pid ")]

    return int(wait_until(printed, f"{action} prints its process")[0][4:])


def fate(server: Server, run: str, action: str) -> tuple[Phase, str, str]:
    row = server.actions(run)[action]
    return Phase(row["phase"]), row["cause"], row["reason"]


def test_laws_4_and_5_an_abort_reaches_the_await_and_finally_may_await(server: Server):
    run = submit(server, "sleeper", "--n", "1")
    pid = pid_of(server, run)

    server.abort(run, reason="enough")
    server.wait_all_ended(run)

    root = server.actions(run)["a0"]
    assert (Phase(root["phase"]), root["reason"], root["is_alone"]) == (Phase.ABORTED, "enough", 1)
    assert server.output(run).endswith("cancelled: enough\ncleaned up\n")
    assert root["requested_at"] <= root["delivered_at"] <= root["ended_at"]
    assert root["escalation"] == Escalation.NONE
    assert not is_alive(pid)


def inputs_of(server: Server, run: str, action: str) -> list[int]:
    answer = server.call(
        "flyteidl2.dataproxy.DataProxyService/GetActionData",
        {"actionId": {"run": server.run_id(run), "name": action}},
    )
    return [
        int(one["value"]["scalar"]["primitive"]["integer"]) for one in answer.json()["inputs"]["literals"]
    ]


def test_laws_8_and_9_a_parent_and_its_children_are_to_each_other_as_in_one_loop(
    server: Server, tmp_path: Path
):
    gate = tmp_path / "gate"
    run = submit(server, "ways_of_children", "--gate", str(gate))
    sleepers = server.wait_running(run, "sleeper", 2)
    # They are enqueued side by side, in any order.
    outside = next(name for name in sleepers if inputs_of(server, run, name) == [2])

    server.abort(run, outside, reason="from outside")
    server.wait_ended(run, outside)
    gate.touch()
    server.wait_all_ended(run)

    assert server.phase(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    ends = "['CancelledError', 'ActionAbortedError', 'CancelledError', 'TimeoutError']"
    assert f"[0, 2, 4, 6] {ends}" in " ".join(server.cli("get", "io", run).replace("│", " ").split())
    said = server.output(run)
    assert "('RuntimeUserError', 'ValueError', 'no')" in said
    assert "('RuntimeUserError', 'SystemExit', 'so be it')" in said
    assert f"aborted: {outside} from outside (external abort)" in said
    rows = server.named(run, "sleeper")
    assert len(rows) == 3, "the one that was cancelled at once never was an action"
    causes = sorted(server.actions(run)[row["name"]]["cause"] for row in rows)
    assert causes == ["cancelled by parent", "cancelled by parent", "external abort"]
    doubles = server.named(run, "double")
    assert [row["group"] for row in doubles] == ["many"] * 4
    assert len({pid_of(server, run, row["name"]) for row in doubles}) == 4, "each has a process of its own"


def test_law_8_what_it_cancels_just_before_its_end_is_aborted_by_it(server: Server):
    run = submit(server, "main", "--n", "3", file="tests/workflows/outlasting.py")

    server.wait_all_ended(run)

    assert server.phase(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    fates = [fate(server, run, row["name"])[:2] for row in server.named(run, "sleeper")]
    assert fates == [(Phase.ABORTED, "cancelled by parent")] * 3


def test_law_8_what_it_cancels_waits_for_no_slot(narrow: Server, tmp_path: Path):
    run = submit(narrow, "cancels_and_ends", "--started", str(tmp_path / "started"))
    narrow.wait_all_ended(run)

    assert narrow.phase(run) is Phase.SUCCEEDED, narrow.actions(run)["a0"]["error_message"]
    children = [row["name"] for row in narrow.actions(run).values() if row["name"] != "a0"]
    fates = [fate(narrow, run, name)[:2] for name in children]
    assert fates == [(Phase.ABORTED, "cancelled by parent")] * 3


def test_law_9_an_abort_of_a_child_that_nobody_catches_fails_its_parent(server: Server):
    run = submit(server, "does_not_catch")
    (child,) = server.wait_running(run, "sleeper", 1)

    server.abort(run, child, reason="by hand")
    server.wait_all_ended(run)

    root = server.actions(run)["a0"]
    assert (Phase(root["phase"]), root["error_code"]) == (Phase.FAILED, "ActionAbortedError")
    assert "by hand (external abort)" in root["error_message"]


def test_law_7_what_it_leaves_behind_ends_before_it_and_with_its_cause(server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = submit(server, "leaves_tasks", "--gate", str(gate), grace="1")
    (child,) = server.wait_running(run, "sleeper", 1)

    gate.touch()
    server.wait_all_ended(run)

    assert server.phase(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert fate(server, run, child)[:2] == (Phase.ABORTED, "root ended")
    assert "left behind: its action has ended\n" in server.output(run)
    assert server.output(run, child).endswith("cleaned up\n")


@pytest.mark.parametrize(
    ("how", "step", "where"),
    [
        ("gives in", Escalation.ASKED_AGAIN, "await asyncio.sleep(3600)"),
        ("blocks", Escalation.ASKED_AGAIN, "in refuses"),
        ("for ever", Escalation.CLOSED, "await asyncio.sleep(3600)"),
    ],
)
def test_law_6_what_refuses_is_asked_again_with_its_stack_and_then_killed(
    server: Server, how: str, step: Escalation, where: str
):
    run = submit(server, "refuses", "--how", how, grace="1")
    pid = pid_of(server, run)

    server.abort(run, reason="enough")
    server.wait_all_ended(run)

    root = server.actions(run)["a0"]
    assert (Phase(root["phase"]), root["escalation"]) == (Phase.ABORTED, step)
    assert where in root["stuck_in"]
    assert server.output(run).count("not now: enough\n") == (1 if how == "blocks" else 2)
    assert not is_alive(pid)


def test_force_waits_for_nothing(server: Server):
    run = submit(server, "refuses", "--how", "for ever", grace="3600")
    pid = pid_of(server, run)

    server.cli("abort", run, "a0", "--force")

    server.wait_all_ended(run)
    assert fate(server, run, "a0")[0] is Phase.ABORTED
    assert not is_alive(pid)


def test_law_4_a_thread_that_it_waits_for_ends_with_it(server: Server):
    run = submit(server, "waits_in_thread", grace="3600")
    pid = pid_of(server, run)

    server.abort(run)
    server.wait_all_ended(run)

    said = "cleaned up\nflyteui: what it had started was ended with it: a thread in sleep()\n"
    assert server.output(run).endswith(said)
    assert not is_alive(pid)


def test_traces_groups_and_a_retry_are_as_in_a_shared_loop(server: Server, tmp_path: Path):
    count = tmp_path / "count"
    run = submit(server, "tries_again", "--count", str(count), file="tests/workflows/traced.py")

    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    ran = [line.split()[0] for line in count.read_text().splitlines()]
    assert (ran.count("adds1"), ran.count("fails_once"), ran.count("is_hopeless")) == (1, 2, 1)
    assert server.actions(run)["a0"]["attempt"] == 2


def test_a_retry_finds_its_checkpoint_and_may_start_a_run(server: Server):
    run = submit(server, "tries_again_and_starts_a_run")

    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert "the first attempt 6 a0" in server.cli("get", "io", run)


def test_a_condition_is_waited_for(server: Server):
    run = submit(server, "asks", "--who", "I", file="tests/workflows/waiting.py")
    (condition,) = wait_until(
        lambda: [n for n, row in server.actions(run).items() if Phase(row["phase"]) is Phase.PAUSED], "asks"
    )

    server.cli("signal", "condition", run, condition, "yes")

    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert "I heard yes" in server.cli("get", "io", run)


def test_a_report_is_kept(server: Server):
    run = submit(server, "main", file="tests/workflows/reporting.py")

    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert list((server.home / "storage").rglob(f"*{run}*/**/report.html"))


def test_more_of_them_than_may_run_at_a_time_nested_all_finish(narrow: Server, tmp_path: Path):
    (tmp_path / "gate").touch()
    run = submit(narrow, "main", "--gate", str(tmp_path / "gate"), file="tests/workflows/resuming.py")

    assert narrow.wait_ended(run) is Phase.SUCCEEDED, narrow.actions(run)["a0"]["error_message"]
    assert "3" in narrow.cli("get", "io", run)


def test_a_stop_of_the_server_aborts_no_child_and_all_goes_on_after_it(narrow: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = submit(narrow, "main", "--gate", str(gate), file="tests/workflows/resuming.py")
    narrow.wait_running(run, "slow", 1)

    assert narrow.is_in_time(narrow.stop())
    assert {row["abort_id"] for row in narrow.actions(run).values()} == {None}

    gate.touch()
    narrow.start()
    assert narrow.wait_ended(run) is Phase.SUCCEEDED, narrow.actions(run)["a0"]["error_message"]
    (slow,), (quick,) = narrow.named(run, "slow"), narrow.named(run, "quick")
    assert slow["lease_epoch"] > 1
    assert quick["lease_epoch"] == 1, "what had ended did not run again"
