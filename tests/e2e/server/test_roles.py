"""A server where one signs in: two browsers of two roles side by side, and a task that starts a run with its run's credential."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from runs.domain.phases import Phase
from tests.support.pages.axe import OF_COLOURS, OPTIONS, SCHEMES, violations
from tests.support.pages.states import RUNS
from tests.support.server.commands import in_database, performing
from tests.support.server.server import ROOT, Server

PASSWORD = "correct horse battery"
SEND_ABORT = """async (path) => {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const answer = await fetch(`${path}/abort`, { method: "POST", headers: { "X-CSRFToken": token, "HX-Request": "true" } });
  return [answer.status, await answer.text()];
}"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("home"), FLYTEUI_AUTH="password").start()
    for name, role in (("vera", "viewer"), ("otto", "operator"), ("root", "admin")):
        command = [sys.executable, "manage.py", "createuser", name, "--role", role]
        subprocess.run(command, cwd=ROOT, env=server.env, input=f"{PASSWORD}\n", text=True, check=True)
    yield server
    server.stop()


@contextmanager
def live_demo(server: Server) -> Iterator[str]:
    """The page of a run that has just begun; it goes on until it is ended."""
    with performing(server, "3x10", seconds=600) as (_, name):
        yield f"{RUNS}/{name}"


def fill_in(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def sign_in(browser: Browser, server: Server, name: str, path: str = "/executors/") -> Page:
    """A browser of its own, in which this user has come to the page by way of the sign-in."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(server.url + path)
    fill_in(page, name)
    page.wait_for_url(server.url + path)
    return page


def test_an_operator_aborts_what_a_viewer_beside_them_can_only_see(guarded: Server, browser: Browser):
    viewer, operator = (sign_in(browser, guarded, name) for name in ("vera", "otto"))
    admin = sign_in(browser, guarded, "root", "/audit/")
    stop = "#rows .row button, .run-actions > button, #rows .row input"
    with live_demo(guarded) as path:
        operator.goto(guarded.url + path)
        viewer.goto(guarded.url + path)
        operator.get_by_role("button", name="Abort run…").click()
        operator.locator("dialog[open]").get_by_label("Reason").fill("seen enough")
        expect(viewer.locator("connection-status")).to_have_attribute("data-state", "live")
        expect(viewer.locator("#rows .row").nth(3)).to_be_attached()
        assert viewer.locator(stop).count() == 0
        viewer.locator("#rows .row").nth(1).focus()
        viewer.keyboard.press("c")
        expect(viewer.locator("dialog[open]")).to_have_count(0)
        status, words = viewer.evaluate(SEND_ABORT, path)
        assert status == 403
        assert "the role operator in project" in words

        operator.locator("dialog[open] [type=submit]").click()

        for page in (operator, viewer):
            expect(page.locator("#run-header")).to_contain_text(re.compile("Abort(ing|ed)"), timeout=60_000)
        assert viewer.locator(stop).count() == 0
    viewer.goto(f"{guarded.url}{path}?action=a0&tab=abort")
    expect(viewer.locator("#panel")).to_contain_text("otto (page)")
    expect(viewer.locator("#panel")).to_contain_text("seen enough")

    admin.reload()
    rows = admin.locator(".audit-table tbody tr")
    expect(rows.filter(has_text="vera").filter(has_text="refused")).to_contain_text("abort")
    expect(rows.filter(has_text="otto").filter(has_text="seen enough")).to_contain_text("done")


def test_a_page_says_that_its_reader_has_signed_out(guarded: Server, browser: Browser):
    page = sign_in(browser, guarded, "vera")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
    other = page.context.new_page()
    other.goto(guarded.url)

    other.get_by_role("button", name="Sign out").click()

    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    page.bring_to_front()
    banner = page.locator(".connection-banner")
    expect(banner).to_contain_text("Signed out")
    banner.get_by_role("link", name="Sign in").click()
    fill_in(page, "vera")
    page.wait_for_url(f"{guarded.url}/executors/")


def test_axe_finds_nothing_to_mend_where_one_signs_in(guarded: Server, browser: Browser):
    """Pages that only such a server has, light and dark, on a desktop and on a phone."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    found: list[str] = []

    def look(what: str) -> None:
        for scheme in SCHEMES:
            options = OPTIONS if scheme == "light" else OF_COLOURS
            for width in (1280, 360):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 800})
                found.extend(f"{what}, {scheme}, {width}: {line}" for line in violations(page, options))
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (what, width)

    page.goto(f"{guarded.url}/executors/")
    expect(page.get_by_label("Name")).to_be_focused()
    look("sign-in")
    page.keyboard.type("vera")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("Password")).to_be_focused()
    look("wrong password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{guarded.url}/executors/")
    look("executors of a viewer")
    page.goto(f"{guarded.url}/audit/")
    expect(page.get_by_role("heading", name="Forbidden")).to_be_visible()
    look("refused")
    page.goto(guarded.url)
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    look("runs of a viewer")
    context.close()
    assert found == []


SUBMIT = """
import os, sys
from pathlib import Path
import flyte
from runs.executor.attempt.environ import CREDENTIAL
from runs.executor.flyte import credentials
from tests.workflows import nested, nested_plain

os.environ[CREDENTIAL] = sys.argv[2]
credentials.install(sys.argv[1])
flyte.init(endpoint=sys.argv[1], insecure=True, root_dir=Path.cwd(), org="flyteui", project="flytesnacks",
           domain="development", image_builder="remote")
for task in (nested.outer, nested_plain.outer):
    print(flyte.with_runcontext(copy_style="loaded_modules").run(task).name, flush=True)
"""


def test_a_task_starts_a_run_with_the_credential_of_its_own(guarded: Server):
    """Shared and isolated; the scripts of this test borrow the credential of a run that nobody holds, and that so does not end."""
    in_database(guarded, "from tests.support.showcase import make_everything as m; m('lender')")
    token = "import sys; from runs.access import tokens; print(tokens.sign_run(int(sys.argv[1])))"
    setup = "import django; django.setup(); "
    env = {**guarded.env, "DJANGO_SETTINGS_MODULE": "flyteui.settings"}
    run = guarded.query("SELECT id FROM runs_run WHERE name = 'lender'")[0]["id"]
    credential = subprocess.run(
        [sys.executable, "-c", setup + token, str(run)], cwd=ROOT, env=env, text=True, capture_output=True, check=True
    ).stdout.strip()  # fmt: skip
    submitted = subprocess.run(
        [sys.executable, "-c", SUBMIT, guarded.url, credential], cwd=ROOT, env=guarded.env, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    names = submitted.stdout.split()

    for name in names:
        assert guarded.wait_ended(name) is Phase.SUCCEEDED, guarded.actions(name)["a0"]["error_message"]
    owners = [row["created_by"] for row in guarded.query("SELECT created_by FROM runs_run ORDER BY id")]
    assert [f"run flytesnacks/development/{name}" in owners for name in names] == [True, True]
