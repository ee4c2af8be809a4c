"""A flow in several environments, on a real server with a real worker: other Pythons, an older flyte, one that is not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from runs.domain.phases import Phase
from tests.support import plain_http
from tests.support.executor.places import OURS, build
from tests.support.nets import NET_SECONDS
from tests.support.server.commands import in_database
from tests.support.server.server import Server, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
FILE = "tests/workflows/environments.py"
OLD = "2.8.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As if somebody had built these images here."""
    home = tmp_path_factory.mktemp("home")
    root = home / "environments"
    build(root / "aa11", "3.12", "iniconfig==2.0.0")
    build(root / "bb22", "3.13", "iniconfig==2.1.0", flyte=OLD)
    started = Server(home).start()
    for name, digest in {"new": "aa11", "old": "bb22", "gone": "cc33"}.items():
        row = f"name='{name}:1', state='built', environment='{digest}'"
        in_database(started, f"from runs.models import Image as I; I.objects.create({row})")
    yield started
    started.stop()


def outputs(server: Server, run: str) -> Any:
    answer = server.call(
        "flyteidl2.dataproxy.DataProxyService/GetActionData",
        {"actionId": {"run": server.run_id(run), "name": "a0"}},
    )
    return answer.json()


def page_of(server: Server, path: str) -> str:
    return plain_http.get(f"{server.url}{path}", timeout=NET_SECONDS).text


def test_tasks_of_one_run_have_packages_pythons_and_flytes_of_their_own(server: Server) -> None:
    run = server.submit(FILE, "everywhere")

    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    said = json.dumps(outputs(server, run))
    assert f"3.13 flyte {OLD} iniconfig 2.1.0" in said
    assert said.count(f"3.12 flyte {OURS} iniconfig 2.0.0") == 2
    assert {row["is_alone"] for row in server.named(run, "asks_both")} == {0}
    (older,) = server.named(run, "says_old")
    page = page_of(server, f"/v2/domain/development/project/flytesnacks/runs/{run}?action={older['name']}")
    assert f"flyte {OLD} runs them by its own entry point" in page


def test_an_abort_reaches_an_older_flyte_by_the_same_laws(server: Server) -> None:
    run = server.submit(FILE, "long")
    (first,) = server.wait_running(run, "sleeps", 1)
    (parent,) = server.wait_running(run, "holds", 1)
    wait_until(lambda: "asleep" in server.output(run, first), "its code runs")

    server.abort(run, first, reason="too slow")
    assert server.wait_ended(run, first) is Phase.ABORTED
    assert "cleaned up" in server.output(run, first)
    wait_until(lambda: "aborted by" in server.output(run, parent), "its parent is told")
    assert "too slow (external abort)" in server.output(run, parent)

    second = wait_until(
        lambda: next((row["name"] for row in server.named(run, "sleeps") if row["name"] != first), None),
        "the next one",
    )
    wait_until(lambda: "asleep" in server.output(run, second), "its code runs")
    server.abort(run, parent, reason="not needed")
    server.wait_all_ended(run)

    actions = server.actions(run)
    assert {Phase(actions[name]["phase"]) for name in (parent, second)} == {Phase.ABORTED}
    assert "cleaned up" in server.output(run, second)
    assert actions[parent]["ended_at"] >= actions[second]["requested_at"]
    assert Phase(actions["a0"]["phase"]) is Phase.FAILED
    assert actions["a0"]["error_code"] == "ActionAbortedError"


def test_an_environment_that_is_gone_fails_its_action_with_what_to_do(server: Server) -> None:
    run = server.submit(FILE, "lost")

    assert server.wait_ended(run) is Phase.FAILED
    (nowhere,) = server.named(run, "nowhere")
    assert (nowhere["error_code"], nowhere["error_kind"]) == ("ExecutorNotStarted", "system")
    assert "the Python environment cc33 is not in" in nowhere["error_message"]
    assert "build its image again" in nowhere["error_message"]


def test_the_page_of_the_executors_counts_them(server: Server) -> None:
    page = wait_until(
        lambda: "environments, " in (html := page_of(server, "/executors/")) and html, "they are counted"
    )

    assert "</b> environments, " in page
