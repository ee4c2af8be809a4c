"""One server for all end-to-end tests of a worker of pytest-xdist, and a browser; and which files begin first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.browser import LAUNCH_ARGS, SHELL_ARGS, find_chromium, find_shell
from tests.support.nets import NET_MS
from tests.support.pages.run_page import run_url
from tests.support.pages.states import Places, make_places
from tests.support.server.server import Server
from tests.support.server.shared import folder_of_all, shared_servers

HERE = Path(__file__).parent
# A file stays with one worker. Those that take longest begin first, so that no worker is left with one of them at the end.
LONGEST = (
    "test_long_run", "test_every_state", "test_installed", "test_images", "test_disks", "test_links", "test_refusals", "test_kills",
    "test_alone", "test_keyboard", "test_isolated_actions", "test_up", "test_memory", "test_log_window", "test_aborts", "test_soak", "test_equivalence",
    "test_environments", "test_declared", "test_secrets", "test_examples", "test_roles", "test_servers_of_documents", "test_demo",
    "test_server_restart", "test_filter_and_levels", "test_lost_connection", "test_web_process", "test_runs_apart", "test_tls",
    "test_live_runs", "test_backups", "test_slow_starts", "test_attacks", "test_keys",
)  # fmt: skip
SIZE: ViewportSize = {"width": 1280, "height": 800}
expect.set_options(timeout=NET_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Called for the tests of other folders, too; these stay where they are, behind the first."""
    places = {name: at for at, name in enumerate(LONGEST)}
    items.sort(
        key=lambda item: places.get(item.path.stem, len(places)) if HERE in item.path.parents else len(places)
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("home")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Without windows, where there is such a one."""
    browser = launch(playwright, find_shell(), SHELL_ARGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """As people have it: from the last control of a page, Tab goes to those of its window."""
    browser = launch(playwright, find_chromium(), LAUNCH_ARGS)
    yield browser
    browser.close()


def launch(playwright: Playwright, path: str | None, arguments: tuple[str, ...]) -> Browser:
    browser = playwright.chromium.launch(executable_path=path, args=list(arguments))
    new_context = browser.new_context

    def new_patient_context(**options: Any) -> BrowserContext:
        context = new_context(**options)
        context.set_default_timeout(NET_MS)
        return context

    browser.new_context = new_patient_context  # type: ignore[method-assign]
    return browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in which every error of the console fails the test. Without motion: what turns is drawn all the time."""
    context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def failing_page(browser: Browser) -> Iterator[Page]:
    """A page that may log errors: the browser itself reports what is refused or cut. Those of scripts fail the test."""
    context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def live_url(server: Server) -> Iterator[str]:
    """The page of a run that has just begun, and goes on until the test is over."""
    run = server.submit("examples/demo.py", "main", "--trials", "3", "--seconds", "7200")
    server.wait_running(run, "load", 1)
    yield run_url(server, run)
    server.abort(run)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """What tests of all pages look at; they change nothing there, so it is made once for all processes."""

    def make() -> tuple[dict[str, Server], dict[str, str]]:
        return make_places(*(Server(tmp_path_factory.mktemp("home")).start() for _ in range(2)))

    file = folder_of_all(tmp_path_factory.getbasetemp()) / "places.json"
    with shared_servers(file, make) as (servers, paths):
        yield Places(servers, paths)


@pytest.fixture
def still_page(browser: Browser) -> Iterator[Page]:
    """Without motion: a colour that fades is no colour to measure. What the console says does not matter here."""
    context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
    yield context.new_page()
    context.close()
