"""Where the modules of a flow cannot be imported before its run begins, its page and that of the executors say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_page import open_run
from tests.support.server.server import Server, wait_until

WHY = "Starts slower: importing its modules starts threads"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One of its own: a worker keeps eight pools ready, and other tests may have taken all of them for the next five minutes."""
    own = Server(tmp_path_factory.mktemp("home")).start()
    yield own
    own.stop()


def test_a_flow_that_starts_threads_at_import_says_that_it_starts_slower(
    page: Page, server: Server, tmp_path: Path
):
    gate, begin = tmp_path / "gate", ("tests/workflows/threaded.py", "main", "--gate")
    first = server.submit(*begin, str(tmp_path))
    assert server.wait_ended(first) is Phase.SUCCEEDED
    wait_until(lambda: server.query("SELECT 1 FROM runs_pool WHERE slow_start <> ''"), "the worker has tried")

    run = server.submit(*begin, str(gate))
    server.wait_running(run, "main", 1)
    open_run(page, server, run, "?action=a0")
    expect(page.locator("#overview")).to_contain_text(WHY)
    page.goto(f"{server.url}/executors/")
    expect(page.locator(".slow-start").get_by_text(WHY)).to_be_visible()

    gate.touch()
    assert server.wait_ended(run) is Phase.SUCCEEDED
    page.goto("about:blank")  # its server ends before it
