"""A run that is watched: its reader is told when it ends, fails or needs an answer, on another page and with its tab hidden."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from runs.domain.phases import Phase
from tests.browser import LAUNCH_ARGS, find_chromium
from tests.support.nets import NET_MS
from tests.support.pages.run_list import open_page, runs_url
from tests.support.pages.run_page import open_run
from tests.support.server.commands import in_database
from tests.support.server.server import Server, free_port

# What the browser is asked to show; it shows it all the same.
NOTE = """
window.told = [];
const Shown = Notification;
window.Notification = class extends Shown {
  constructor(title, options) { super(title, options); window.told.push([title, options.body]); }
};
"""
ASK = """
from runs.models import Run
from tests.support import factories, showcase
factories.change(showcase.make_condition(Run.objects.get(name='{name}'), 'ship', 'boolean', 'Ship?'))
"""
FAIL = """
from django.utils import timezone
from runs.domain.phases import Phase
from runs.models import Action
from tests.support import factories
Action.objects.filter(run__name='{name}').exclude(name='a0').delete()
root = Action.objects.get(run__name='{name}')
factories.change(root, phase=Phase.FAILED, ended_at=timezone.now(), error_code='ValueError', error_message='no prices')
"""


def make(server: Server, name: str) -> str:
    in_database(server, f"from tests.support.factories import make_run as m; m(name={name!r})")
    return name


@pytest.fixture
def told(chromium: Browser, server: Server) -> Iterator[Page]:
    """A page that may show notifications, and keeps which: the shell of Chromium shows none."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.grant_permissions(["notifications"], origin=server.url)
    context.add_init_script(NOTE)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def watch(page: Page) -> None:
    page.get_by_role("button", name="Watch", exact=True).click()
    expect(page.get_by_role("button", name="Watching")).to_have_attribute("aria-pressed", "true")


def wait_told(page: Page, *expected: list[str]) -> None:
    page.wait_for_function("(count) => window.told.length >= count", arg=len(expected))
    assert page.evaluate("window.told") == list(expected)


def test_one_is_told_on_another_page_when_a_run_asks_and_when_it_fails(told: Page, server: Server):
    page, run = told, make(server, "watched1")
    open_run(page, server, run)
    watch(page)
    open_page(page, runs_url(server))

    in_database(server, ASK.format(name=run))
    wait_told(page, ["Needs an answer: main", run])
    in_database(server, FAIL.format(name=run))

    wait_told(page, ["Needs an answer: main", run], ["Failed: main", f"{run}\nValueError: no prices"])
    assert page.evaluate("localStorage.getItem('flyteui.watched')") == "{}"


def test_watching_stays_through_a_reload_and_frames_and_is_taken_back(told: Page, server: Server):
    page, run = told, make(server, "watched2")
    open_run(page, server, run)
    watch(page)

    page.reload()
    in_database(server, ASK.format(name=run))
    expect(page.locator("#run-header .pill")).to_have_text("Needs an answer")
    expect(page.get_by_role("button", name="Watching")).to_be_visible()
    page.get_by_role("button", name="Watching").click()

    expect(page.get_by_role("button", name="Watch", exact=True)).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("window.told") == []


def test_a_browser_without_notifications_says_it_in_the_page(page: Page, server: Server):
    run = make(server, "watched3")
    open_run(page, server, run)
    page.evaluate("() => { Notification.requestPermission = () => Promise.resolve('denied'); }")
    watch(page)
    open_page(page, runs_url(server))

    in_database(server, FAIL.format(name=run))

    expect(page.locator("#toasts").get_by_role("link", name="Failed: main")).to_have_attribute(
        "href", f"/v2/domain/development/project/flytesnacks/runs/{run}"
    )


def test_the_hidden_tab_of_a_run_has_its_title_and_icon(browser: Browser, server: Server):
    """A Chromium in which tabs are hidden, as people have it: a hidden page has no socket."""
    port = free_port()
    launched = browser.browser_type.launch(
        executable_path=find_chromium(), args=[*LAUNCH_ARGS, f"--remote-debugging-port={port}"]
    )
    plain = browser.browser_type.connect_over_cdp(f"http://127.0.0.1:{port}", no_defaults=True)
    run = server.submit("examples/external_abort.py", "main", "--n", "1", "--sleep_for", "3600")
    server.wait_running(run, "long_sleeper", 1)
    tab = plain.contexts[0].new_page()
    open_run(tab, server, run)
    watch(tab)
    session = tab.context.new_cdp_session(tab)
    for state in ("frozen", "active"):  # it runs again, and is hidden still
        session.send("Page.setWebLifecycleState", {"state": state})
    expect(tab.locator("connection-status")).to_have_attribute("data-state", "paused")

    server.abort(run)
    assert server.wait_ended(run) is Phase.ABORTED

    # A hidden page draws nothing, so its title is asked for by the clock.
    tab.wait_for_function("() => document.title.startsWith('Aborted')", polling=500, timeout=NET_MS)
    assert tab.evaluate("document.hidden")
    assert tab.locator("[data-favicon]").evaluate("(one) => one.href").endswith("aborted.svg")
    tab.close()
    plain.close()
    launched.close()
