"""`flyteui demo --live`: an executor without user code, on the real link of a real server."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest
from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support import plain_http
from tests.support.pages.connected import until_connected
from tests.support.pages.run_page import run_url
from tests.support.server.commands import performing
from tests.support.server.server import ROOT, RUN_URL, Server, wait_until

pytestmark = pytest.mark.e2e


HELD_BY = """
    SELECT DISTINCT executor.state FROM runs_executor executor
    JOIN runs_attempt attempt ON attempt.executor_id = executor.id
    JOIN runs_action action ON action.id = attempt.action_id
    JOIN runs_run run ON run.id = action.run_id WHERE run.name = ?
"""


def test_a_live_demonstration_grows_and_ends_by_itself(server: Server):
    with performing(server, "3x5") as (process, run):
        assert server.wait_ended(run) is Phase.SUCCEEDED
        assert process.wait(20) == 0

    assert len(server.actions(run)) == 19
    left = server.query(HELD_BY, run)
    assert {row["state"] for row in left} == {"gone"}


def test_a_live_demonstration_asks_and_goes_on_when_it_is_answered(server: Server):
    with performing(server, "3x5") as (process, run):
        question = "m0.t4"
        wait_until(lambda: server.phase(run, question) is Phase.PAUSED, "it asks")

        server.cli("signal", "condition", run, question, "true")

        assert server.wait_ended(run) is Phase.SUCCEEDED
        assert process.wait(20) == 0
    assert server.phase(run, question) is Phase.SUCCEEDED
    assert server.phase(run, "m0") is Phase.SUCCEEDED
    for tab, text in {"inputs": "learning_rate", "outputs": "s3://models/demo/a0.pt"}.items():
        panel = f"{run_url(server, run)}/actions/a0?tab={tab}"
        assert text in plain_http.get(panel, headers={"HX-Request": "true"}).text


def test_a_live_demonstration_can_be_aborted_like_any_run(server: Server):
    with performing(server, "20x20") as (process, run):
        server.wait_running(run, "epoch", 5)

        body = {"runId": server.run_id(run), "reason": "seen enough"}
        answer = server.call("flyteidl2.workflow.RunService/AbortRun", body)

        assert answer.status_code == httpx.codes.OK
        assert server.wait_ended(run) is Phase.ABORTED
        server.wait_all_ended(run)
        assert process.wait(20) == 0
    assert server.actions(run)["a0"]["reason"] == "seen enough"


def test_a_finished_demonstration_has_about_as_many_actions_as_were_asked_for(page: Page, server: Server):
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--actions", "300"],
        cwd=ROOT, env=server.env, check=True, timeout=100, capture_output=True, text=True,
    )  # fmt: skip
    found = RUN_URL.search(done.stdout)
    assert found, done.stdout
    actions = server.actions(found.group(4))

    page.goto(run_url(server, found.group(4)))

    until_connected(page)
    assert abs(len(actions) - 300) <= 15
    expect(page.locator("#run-summary")).to_contain_text(f"{len(actions)} actions")
    expect(page.locator(".tree")).to_have_attribute("aria-rowcount", str(len(actions)))


def test_without_a_server_it_says_how_to_start_one(tmp_path):
    server = Server(tmp_path)

    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--live"], cwd=ROOT, env=server.env, capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "start one with `flyteui up`" in done.stderr
