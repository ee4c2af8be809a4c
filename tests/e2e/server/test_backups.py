"""A backup of a server at work, by its commands, and a second server that goes on with it."""

from __future__ import annotations

import shutil
from pathlib import Path

from runs.domain.phases import Phase
from tests.support.server.server import Server


def test_a_server_that_is_restored_from_a_backup_goes_on_with_what_ran(tmp_path: Path):
    archive = tmp_path / "flyteui.zip"
    first, second = Server(tmp_path / "first"), Server(tmp_path / "second")
    first.start()
    try:
        run = first.submit("examples/external_abort.py", "main", "--n", "3", "--sleep_for", "3600")
        first.wait_running(run, "long_sleeper", 3)
        made = first.manage("backup", str(archive))
        refused = first.manage("restore", str(archive))
    finally:
        first.stop()
    # Code and inputs come from the second one's storage, or from nowhere.
    shutil.rmtree(first.home)

    restored = second.manage("restore", str(archive))
    second.start()
    try:
        sleepers = second.wait_running(run, "long_sleeper", 3)
        for name in sleepers:
            second.abort(run, name)
        ended = second.wait_ended(run)
        doctor = second.manage("doctor")
        attempts = second.query("SELECT outcome FROM runs_attempt ORDER BY id")
    finally:
        second.stop()

    assert "Backed up 1 run with 4 actions" in made.stdout, made.stderr
    assert "A restore needs the server stopped." in refused.stderr
    assert "Restored 1 run with 4 actions" in restored.stdout, restored.stderr
    assert ended is Phase.SUCCEEDED
    assert sorted(row["outcome"] for row in attempts) == ["aborted"] * 3 + ["interrupted"] * 4 + ["succeeded"]
    assert "healthy" in doctor.stdout, doctor.stdout
