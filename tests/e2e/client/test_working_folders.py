"""Each action has a working folder of its own, with the files of its bundle in it, though actions share a process."""

from __future__ import annotations

from runs.domain.phases import Phase
from tests.support.server.server import Server, wait_until
from tests.workflows.folders.flow import WAYS

FOLDER = "tests/workflows/folders"


def test_what_an_action_writes_where_it_is_is_its_own(server: Server):
    run = server.submit("--root-dir", FOLDER, "--copy-style", "all", f"{FOLDER}/flow.py", "main")

    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    said = " ".join(server.cli("get", "io", run).split())
    assert f"{len(WAYS)} ['0,1,2,3,4,5 as before'] the bundle" in said
    wait_until(lambda: not [*server.home.glob("**/work/*/*")], "the folders of the actions are removed")
