"""Law 14 with the real server: what an action has started is gone when its end is said, and who goes on all the same is shown."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest

from runs.domain.phases import Escalation, Phase
from tests.support.server.server import Server, wait_until

FILE = "tests/workflows/leaving.py"
GRACE_SECONDS = 1.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("home"), FLYTEUI_ABORT_GRACE_SECONDS=str(GRACE_SECONDS)).start()
    yield server
    server.stop()


def begin(server: Server, gate: Path, task: str, *options: str, shares: bool = False) -> str:
    """shares: whatever its task did in another test."""
    never = ["--env", "FLYTEUI_ISOLATE=never"] if shares else []
    run = server.submit(*never, FILE, task, *options, "--gate", str(gate))
    wait_until(lambda: (gate / "beat").exists() and (gate / "beat").stat().st_size, "it beats")
    return run


def goes_on(gate: Path) -> bool:
    """Whether anything that was started lives still: it would hold the lock."""
    with (gate / "beat").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("task", ["awaits_process", "awaits_thread"])
def test_law_14_aborted_means_all_of_it(server: Server, tmp_path: Path, task: str):
    run = begin(server, tmp_path, task)

    server.abort(run)

    assert server.wait_ended(run) is Phase.ABORTED
    assert not goes_on(tmp_path)


@pytest.mark.parametrize("task", ["leaves", "leaves_as_a_function"])
@pytest.mark.parametrize(("then", "phase"), [("return", Phase.SUCCEEDED), ("raise", Phase.FAILED)])
def test_law_14_an_end_of_its_own_takes_what_was_left_along(
    server: Server, tmp_path: Path, task: str, then: str, phase: Phase
):
    way = [] if task == "leaves_as_a_function" else ["--way", "daemon"]
    run = begin(server, tmp_path, task, *way, "--then", then, shares=True)

    assert server.wait_ended(run) is phase
    assert not goes_on(tmp_path)
    if task == "leaves":
        assert "flyteui: what it had started was ended with it: process python" in server.output(run, "a0")


def test_law_6_a_thread_that_refuses_is_shown_and_costs_the_process(server: Server, tmp_path: Path):
    run = begin(server, tmp_path, "leaves_deaf_thread", "--then", "wait")

    server.abort(run)
    wait_until(lambda: server.actions(run)["a0"]["stuck_in"], "its stack is known")
    assert "In a thread that it has started, in deaf" in server.actions(run)["a0"]["stuck_in"]
    assert Phase(server.actions(run)["a0"]["phase"]) is Phase.RUNNING, "it has not stopped yet"

    assert server.wait_ended(run) is Phase.ABORTED
    assert server.actions(run)["a0"]["escalation"] == Escalation.PROCESS
    assert not goes_on(tmp_path)


def test_law_14_what_a_returned_action_leaves_costs_it_nothing_that_it_has_done(
    server: Server, tmp_path: Path
):
    run = begin(server, tmp_path, "leaves_deaf_thread", "--then", "return")

    assert server.wait_ended(run) is Phase.SUCCEEDED
    wait_until(lambda: not goes_on(tmp_path), "its process has ended")
    assert server.actions(run)["a0"]["lease_epoch"] == 1, "it has not run again"
