"""One server for all end-to-end tests of a session, and a browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import LAUNCH_ARGS, find_chromium
from tests.e2e.server import ROOT, RUN_URL, Server
from tests.e2e.states import Places


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("home")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(LAUNCH_ARGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in which every error of the console fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
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
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def live_url(server: Server) -> Iterator[str]:
    """The page of a run that has just begun."""
    command = [sys.executable, "manage.py", "demo", "--live", "--shape", "6x10", "--seed", "5"]
    with subprocess.Popen(command, cwd=ROOT, env=server.env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = RUN_URL.search(process.stdout.readline())
        assert found
        yield server.url + found.group(0).removeprefix(found.group(1))
        process.kill()


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """What tests of all pages look at; they change nothing there, so it is made once."""
    busy, idle = (Server(tmp_path_factory.mktemp("home")).start() for _ in range(2))
    yield Places(busy, idle)
    busy.stop()
    idle.stop()


@pytest.fixture
def still_page(browser: Browser) -> Iterator[Page]:
    """Without motion: a colour that fades is no colour to measure. What the console says does not matter here."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    yield context.new_page()
    context.close()
