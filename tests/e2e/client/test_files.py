"""Files and folders on the default storage behave as on an object store: what is handed over, or downloaded, is a copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs.domain.phases import Phase
from tests.support.server.server import Server

FILE = "tests/workflows/files.py"
READINGS = 10


def test_what_is_handed_over_is_a_copy_and_so_is_what_is_downloaded(server: Server):
    run = server.submit(FILE, "main")

    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert f"{READINGS} times ['as it was, as it was']" in server.cli("get", "io", run)


@pytest.mark.parametrize("task", ["reads", "reads_as_a_function"])
def test_a_file_of_the_client_opens_and_downloads(server: Server, tmp_path: Path, task: str):
    given = tmp_path / "given.txt"
    given.write_text("as it was")

    run = server.submit(FILE, task, "--file", str(given))

    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert "as it was, as it was" in server.cli("get", "io", run)
    assert given.read_text() == "as it was"


@pytest.mark.parametrize("task", ["reads_folder", "reads_folder_as_a_function"])
def test_a_folder_of_the_client_downloads(server: Server, tmp_path: Path, task: str):
    (tmp_path / "note.txt").write_text("as it was")

    run = server.submit(FILE, task, "--folder", str(tmp_path))

    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert "as it was, as it was" in server.cli("get", "io", run)
