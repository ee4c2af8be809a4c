"""What actions print below Python's streams, and what their processes use, with the real server."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_page import open_run
from tests.support.server.server import Server


def test_output_that_no_stream_of_python_has_seen_is_in_the_log_of_its_action(server: Server):
    run = server.submit("tests/workflows/writing.py", "writes_everywhere")

    assert server.wait_ended(run) is Phase.SUCCEEDED
    lines = set(server.output(run).splitlines())
    assert {"run", "to stderr", "asyncio", "system", "spawn", "worker", "thread", "write", "native"} <= lines


def test_a_function_that_takes_more_memory_than_it_declares_is_killed_and_its_use_is_kept(server: Server):
    run = server.submit("tests/workflows/hungry.py", "takes", "--megabytes", "500")

    assert server.wait_ended(run) is Phase.FAILED
    action = server.actions(run)["a0"]
    assert action["error_code"] == "OOMKilled"
    assert re.search(r"asked for 256 MiB of memory, and its processes had \d+ MiB", action["error_message"])
    (attempt,) = server.query("SELECT * FROM runs_attempt WHERE action_id = ?", action["id"])
    assert attempt["peak_memory_bytes"] > 256 * 2**20
    assert attempt["cpu_seconds"] > 0


def test_what_a_function_uses_now_is_in_its_row_and_in_its_panel(page: Page, server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = server.submit("tests/workflows/hungry.py", "holds", "--megabytes", "300", "--gate", str(gate))
    open_run(page, server, run, "?action=a0")
    row, panel = page.locator("#action-a0 > .status > small"), page.locator("#overview [data-uses]")

    for place in (row, panel):
        expect(place).to_have_text(re.compile(r"^\d+% · \d{3} MiB$"))

    gate.touch()
    assert server.wait_ended(run) is Phase.SUCCEEDED
    for place in (row, panel):
        expect(place).to_have_count(0)
