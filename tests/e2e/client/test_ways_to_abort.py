"""Every way to abort: three CLI forms, curl JSON, flyte.remote, manage.py, the admin site; the page is in test_live_runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from runs.domain.phases import Phase
from tests.support.server.server import ROOT, Server

SLEEPERS = 3
REMOTE = """
import sys
import flyte, flyte.remote
flyte.init_from_config()
flyte.remote.Action.get(run_name=sys.argv[1], name=sys.argv[2]).abort(reason=sys.argv[3])
"""


@pytest.fixture
def run(server: Server) -> str:
    return server.submit("examples/external_abort.py", "main", "--n", str(SLEEPERS), "--sleep_for", "3600")


@pytest.fixture
def victim(server: Server, run: str) -> str:
    return server.wait_running(run, "long_sleeper", SLEEPERS)[0]


def by_documented_form(server: Server, run: str, action: str, reason: str) -> None:
    server.finish(server.flyte("abort", run, action, "--reason", reason))


def by_cli_action(server: Server, run: str, action: str, reason: str) -> None:
    server.finish(server.flyte("abort", "action", run, action, "--reason", reason))


def by_curl(server: Server, run: str, action: str, reason: str) -> None:
    body = {"actionId": {"run": server.run_id(run), "name": action}, "reason": reason}
    answer = server.call("flyteidl2.workflow.RunService/AbortAction", body)
    assert answer.status_code == 200, answer.text


def by_remote(server: Server, run: str, action: str, reason: str) -> None:
    server.finish(server.python("-c", REMOTE, run, action, reason))


def by_manage(server: Server, run: str, action: str, reason: str) -> None:
    command = [sys.executable, "manage.py", "abort", run, action, "--reason", reason]
    subprocess.run(command, cwd=ROOT, env=server.env, check=True, timeout=180)


@pytest.mark.parametrize("way", [by_documented_form, by_cli_action, by_curl, by_remote, by_manage])
def test_one_action_is_aborted_with_its_reason_and_actor(server: Server, run: str, victim: str, way):
    way(server, run, victim, f"because of {way.__name__}")
    server.wait_ended(run, victim)

    row = server.actions(run)[victim]
    assert (Phase(row["phase"]), row["cause"]) == (Phase.ABORTED, "external abort")
    assert row["reason"] == f"because of {way.__name__}"
    assert row["actor"]
    assert row["requested_at"] <= row["delivered_at"] <= row["ended_at"]
    assert server.phases(run, "long_sleeper").count(Phase.RUNNING) == SLEEPERS - 1
    assert server.phase(run) is Phase.RUNNING
    server.abort(run)


@pytest.mark.parametrize("form", [("abort", "run"), ("abort",)], ids=["abort run R", "abort R"])
def test_a_whole_run_is_aborted(server: Server, run: str, victim: str, form: tuple[str, ...]):
    server.finish(server.flyte(*form, run, "--reason", "enough"))
    server.wait_all_ended(run)

    for name, row in server.actions(run).items():
        assert (Phase(row["phase"]), row["reason"], row["target"]) == (Phase.ABORTED, "enough", "a0"), name


def test_aborting_twice_says_ok_and_the_first_reason_stays(server: Server, run: str, victim: str):
    by_curl(server, run, victim, "first")
    by_curl(server, run, victim, "second")
    server.wait_ended(run, victim)
    by_curl(server, run, victim, "third")

    assert server.actions(run)[victim]["reason"] == "first"
    server.abort(run)


def test_what_does_not_exist_is_named(server: Server):
    body = {"actionId": {"run": server.run_id("nosuchrun"), "name": "a0"}, "reason": "x"}

    answer = server.call("flyteidl2.workflow.RunService/AbortAction", body)

    assert answer.status_code == 404
    assert "nosuchrun" in answer.json()["message"]
