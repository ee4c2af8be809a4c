"""`flyteui up` as a whole: orderly stops, restarts, and what runs on across them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from runs.domain.phases import Phase
from tests.support.server.parts import find, kill, processes_of
from tests.support.server.server import ROOT, Server, wait_until


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "home").start()
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_takes_five_seconds_at_most_and_leaves_no_process(own_server: Server, number: int):
    run = own_server.submit("examples/external_abort.py", "main", "--n", "3", "--sleep_for", "3600")
    own_server.wait_running(run, "long_sleeper", 3)

    took = own_server.stop(number)

    assert own_server.process is not None
    assert own_server.process.returncode == 0
    assert own_server.is_in_time(took)
    assert processes_of(own_server) == {}


def test_what_ran_when_the_server_stopped_goes_on_at_the_next_start(own_server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = own_server.submit("tests/workflows/resuming.py", "main", "--gate", str(gate))
    own_server.wait_running(run, "slow", 1)
    done = own_server.named(run, "quick")[0]
    assert Phase(done["phase"]) is Phase.SUCCEEDED

    own_server.stop()
    stopped = own_server.actions(run)
    gate.touch()
    own_server.start()

    assert {Phase(row["phase"]) for row in stopped.values()} == {Phase.SUCCEEDED, Phase.QUEUED}
    assert own_server.wait_ended(run) is Phase.SUCCEEDED
    rows = own_server.actions(run)
    assert [row["attempt"] for row in rows.values()] == [1, 1, 1]
    assert own_server.output(run, done["name"]).count("quick ran") == 1
    assert own_server.output(run, own_server.named(run, "slow")[0]["name"]).count("slow begins") == 2


def test_when_everything_was_killed_at_once_the_next_start_goes_on_without_waiting_for_a_lease(
    own_server: Server,
):
    """As after a loss of power: nobody is left who could say that the executor has ended."""
    run = own_server.submit("examples/external_abort.py", "main", "--n", "2", "--sleep_for", "3600")
    victim, other = own_server.wait_running(run, "long_sleeper", 2)

    assert own_server.process is not None
    own_server.process.kill()
    own_server.process.wait(20)
    while left := processes_of(own_server):
        for pid in left:
            kill(pid)
    own_server.start()

    running = partial(own_server.query, "SELECT name FROM runs_action WHERE phase = 4 AND lease_epoch = 2")
    wait_until(lambda: len(running()) == 3, "all of it runs again")
    own_server.abort(run, victim)
    assert own_server.wait_ended(run, victim) is Phase.ABORTED
    assert own_server.phase(run, other) is Phase.RUNNING
    own_server.abort(run)
    assert own_server.wait_ended(run) is Phase.ABORTED


def test_the_client_can_be_gone_and_the_web_process_killed_while_actions_run(
    own_server: Server, tmp_path: Path
):
    gate = tmp_path / "gate"
    run = own_server.submit("tests/workflows/gated.py", "main", "--n", "3", "--gate", str(gate))
    victim = own_server.wait_running(run, "waits", 3)[0]

    (web,) = find(own_server, " flyteui.web ")
    os.kill(web, signal.SIGKILL)
    wait_until(lambda: not own_server.is_ready(), "the web process is gone")
    wait_until(own_server.is_ready, "the web process is back")
    own_server.abort(run, victim, reason="after the restart")
    assert own_server.wait_ended(run, victim) is Phase.ABORTED
    gate.touch()
    own_server.wait_all_ended(run)

    rows = own_server.actions(run)
    assert rows[victim]["reason"] == "after the restart"
    assert own_server.phase(run) is Phase.SUCCEEDED
    assert sorted(own_server.phases(run, "waits")) == [Phase.SUCCEEDED] * 2 + [Phase.ABORTED]
    assert {row["lease_epoch"] for row in rows.values()} == {1}


def test_a_fresh_server_shows_a_demo_run_also_where_another_server_has_been(tmp_path: Path):
    """The client remembers uploads by address, so the second server must not be asked for the first one's files."""
    first, second = Server(tmp_path / "first"), Server(tmp_path / "second")
    second.use_port(first.port)
    second.env["HOME"] = first.env["HOME"]
    first.is_migrated = False
    for server in (first, second):
        server.start("--demo")
        try:
            begun = partial(server.query, "SELECT * FROM runs_action WHERE short_name = 'load'")
            wait_until(begun, "the demo runs")
        finally:
            server.stop()


def test_a_server_without_a_worker_waits_for_one_that_is_started_elsewhere(tmp_path: Path):
    server = Server(tmp_path / "home")
    server.home.mkdir(exist_ok=True)
    web = subprocess.Popen([sys.executable, "manage.py", "up", "--no-worker"], cwd=ROOT, env=server.env)
    worker: subprocess.Popen[bytes] | None = None
    try:
        wait_until(partial(server.answers, server.port), "it answers")
        run = server.submit("tests/workflows/resuming.py", "quick")
        assert find(server, " worker") == []
        assert server.phase(run) is Phase.QUEUED

        worker = subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=server.env)

        assert server.wait_ended(run) is Phase.SUCCEEDED
    finally:
        for process in filter(None, (worker, web)):
            process.terminate()
            process.wait(60)
        server.commands.end()
