"""`flyte rerun` with the real client, unmodified: what is changed is changed, and the rest is as it was."""

from __future__ import annotations

from typing import Any

from runs.domain.phases import Phase
from tests.e2e.client.test_recovery import rerun
from tests.support.server.commands import manage
from tests.support.server.server import RUN_URL, Server

FILE = "tests/workflows/reruns.py"


def details(server: Server, run: str) -> Any:
    return server.call("flyteidl2.workflow.RunService/GetRunDetails", {"runId": server.run_id(run)}).json()[
        "details"
    ]


def test_a_failed_run_runs_again_with_one_input_changed(server: Server):
    failed = server.submit(FILE, "main", "--n", "20", "--name", "yesterday")
    assert server.wait_ended(failed) is Phase.FAILED

    again = rerun(server, failed, "--limit", "1000")

    assert server.wait_ended(again) is Phase.SUCCEEDED, server.actions(again)["a0"]["error_message"]
    assert "yesterday: 400, no mode" in server.cli("get", "io", again)
    relation = details(server, again)["action"]["metadata"]["relation"]
    assert (relation["relationType"], relation["relatedTo"]["name"]) == ("RELATION_TYPE_RERUN", failed)


def test_name_variables_and_labels_are_those_of_the_command(server: Server):
    run = server.submit(FILE, "main", "--n", "2")
    assert server.wait_ended(run) is Phase.SUCCEEDED

    again = rerun(server, run, "--name", "named-again", "--env", "MODE=fast", "--label", "team=blue")

    assert again == "named-again"
    assert server.wait_ended(again) is Phase.SUCCEEDED
    assert "it: 4, fast" in server.cli("get", "io", again)
    assert details(server, again)["runSpec"]["labels"]["values"] == {"team": "blue"}


def test_one_action_runs_again_as_a_run_of_its_own(server: Server):
    run = server.submit(FILE, "main", "--n", "3")
    assert server.wait_ended(run) is Phase.SUCCEEDED
    (child,) = server.named(run, "square")

    same = rerun(server, run, "--action-name", child["name"])
    other = rerun(server, run, "--action-name", child["name"], "--n", "5")

    assert [server.wait_ended(one) for one in (same, other)] == [Phase.SUCCEEDED] * 2
    assert "9" in server.cli("get", "io", same)
    assert "25" in server.cli("get", "io", other)


def test_our_own_command_asks_the_same_server(server: Server):
    run = server.submit(FILE, "main", "--n", "20")
    assert server.wait_ended(run) is Phase.FAILED

    printed = manage(server, "rerun", run, "--input", "limit=1000", "--env", "MODE=fast", "--recover")

    found = RUN_URL.search(printed)
    assert found, printed
    assert server.wait_ended(found.group(4)) is Phase.SUCCEEDED
    assert "it: 400, fast" in server.cli("get", "io", found.group(4))
    assert server.phases(found.group(4), "square") == [Phase.RECOVERED]
