"""The pages of the product and the states in which they can be: one line each, for every test that must see them all.

A new state is one line in STATES. `path` may name {runs}, {scene} and {unclaimed} (tests/support/showcase.py), {ended}, the
{earlier} run that it recovers, and {live}; `act` is what is
done to the page once it is connected. `on` is the server: "busy" has runs and an executor, "idle" has neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.support.server.commands import ADMIN, find_related, make_demo, manage
from tests.support.server.server import Server

RUNS = "/v2/domain/development/project/flytesnacks/runs"
TASKS = RUNS.removesuffix("/runs") + "/tasks"
CONNECTED = re.compile("live|ended")


@dataclass(frozen=True)
class State:
    """A page, and what was done to it."""

    name: str
    path: str
    act: Callable[[Page], object] | None = None
    on: str = "busy"


def click(selector: str) -> Callable[[Page], object]:
    return lambda page: page.locator(selector).first.click()


def press(*keys: str) -> Callable[[Page], object]:
    """Keys, pressed with the focus in the tree's first row."""

    def act(page: Page) -> None:
        page.locator("#rows .row[tabindex='0']").focus()
        for key in keys:
            page.keyboard.press(key)

    return act


def show_dialog(selector: str) -> Callable[[Page], object]:
    def act(page: Page) -> None:
        page.locator(selector).first.click()
        expect(page.locator("dialog[open]")).to_be_visible()
        expect(page.locator("dialog[open] .waiting")).to_have_count(0)

    return act


def show_popover(name: str) -> Callable[[Page], object]:
    def act(page: Page) -> None:
        page.locator(f"#action-{name} [data-abort]").click()
        expect(page.locator("#abort-popover:popover-open .below")).not_to_contain_text("Counting")

    return act


def show_answer(name: str) -> Callable[[Page], object]:
    """The dialog of a condition, on the page of all that waits."""

    def act(page: Page) -> None:
        page.locator(f"#waiting [data-answer={name}]").click()
        expect(page.locator("dialog[open] .answer-form")).to_be_visible()

    return act


def show_toasts(page: Page) -> None:
    """Both kinds: one that goes by itself, one that stays until it is closed."""
    page.evaluate("""async () => {
      const { toast } = await import("/static/js/page/toasts.js");
      toast("<p>Executor <code>1f3a</code> takes nothing new.</p>");
      toast("<p>It had succeeded already. Nothing was changed.</p>", true);
    }""")


def pick_and_ask(page: Page) -> None:
    page.locator("#runs tbody .pick input[data-live]").first.check()
    show_dialog(".bulk [data-abort-picked]")(page)


def pick_and_ask_to_delete(page: Page) -> None:
    page.locator("#runs tbody .pick input:not([data-live])").first.check()
    show_dialog(".bulk [data-delete-picked]")(page)


def pick_row(page: Page) -> None:
    page.locator("#action-a0-trial0 .pick input").dispatch_event("click")
    expect(page.locator(".bulk")).to_be_visible()


def lose_connection(page: Page) -> None:
    """The network is gone, until the page says for how long already."""
    page.context.set_offline(True)
    page.evaluate("() => document.querySelector('run-tree')._htmx.ws.connection.socket.close()")
    expect(page.locator(".connection-banner")).to_be_visible()


def fail_to_load(page: Page) -> None:
    """A tab of the panel. The page stays connected: a lost connection is another state, with a Retry of its own some time later."""
    page.route("**/actions/*", lambda route: route.abort())
    page.locator("#tab-events").click()
    expect(page.locator("#panel-pane [data-failed]")).to_be_visible()


def fail_dialog(page: Page) -> None:
    page.context.set_offline(True)
    show_dialog(".run-actions [data-abort]")(page)
    expect(page.locator("dialog[open] [data-retry]")).to_be_visible()


def filter_runs(page: Page) -> None:
    page.locator(".more-filters > summary").click()
    page.get_by_label("Since").fill("tomorrowish")
    expect(page.locator("#problem")).to_be_visible()


def search_log(page: Page) -> None:
    page.get_by_role("searchbox", name="Search the log").fill("nothing like it")
    expect(page.locator(".log-count")).to_have_text("No match")


def widen_log(page: Page) -> None:
    page.locator("[data-wide]").click()
    expect(page.locator("[data-wide]")).to_have_attribute("aria-pressed", "true")


def fill_in_wrong(page: Page) -> None:
    """The form comes back with what is wrong at its field."""
    page.locator('[name="in.trials"]').fill("many")
    page.locator("[name=envs]").fill("NO_VALUE")
    page.locator(".launch-form [type=submit]").click()
    expect(page.get_by_role("alert")).to_be_visible()


def log_in(page: Page) -> None:
    page.fill("#id_username", ADMIN)
    page.fill("#id_password", ADMIN)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#user-tools")).to_be_visible()


STATES = [
    State("runs", "{runs}"),
    State("runs, views", "{runs}?phase=running", click("saved-views summary")),
    State("runs, filters open", "{runs}", click(".more-filters > summary")),
    State("runs, one picked", "{runs}", lambda page: page.locator("#runs tbody .pick input").first.check()),
    State("runs, abort dialog", "{runs}", pick_and_ask),
    State("runs, delete dialog", "{runs}", pick_and_ask_to_delete),
    State("runs, project menu", "{runs}", click(".scope summary")),
    State("runs, no match", "{runs}?q=nothing-like-it"),
    State("runs, a filter that cannot be read", "{runs}", filter_runs),
    State("runs, none", RUNS, on="idle"),
    State("runs, toasts", "{runs}", show_toasts),
    State("run, ended", "{ended}"),
    State("run, live", "{live}"),
    State("run, everything", "{scene}"),
    State("run, filtered", "{scene}?look=running"),
    State("run, nothing matches", "{scene}?q=nothing-like-it"),
    State("run, keys", "{scene}", show_dialog("[data-keys]")),
    State("run, abort dialog", "{scene}", show_dialog(".run-actions [data-abort]")),
    State("run, abort of a row", "{scene}", show_popover("a0-trial0")),
    State("run, abort of a branch", "{scene}", show_popover("a0")),
    State("run, delete dialog", "{ended}", show_dialog(".run-actions [data-delete]")),
    State("run, answer dialog", "{scene}", show_dialog("#action-a0-rows [data-answer]")),
    State("run, one picked", "{scene}", pick_row),
    State("run, updates stopped", "{scene}?action=a0-refusing", lose_connection),
    State("run, a dialog that could not be loaded", "{scene}", fail_dialog),
    State("run, failed, and what failed first", "{earlier}"),
    State("run, run again", "{live}/rerun"),
    State("run, run again, wrong", "{live}/rerun", fill_in_wrong),
    State("run, not claimed", "{unclaimed}"),
    State("run, graph", "{ended}/graph"),
    State("run log", "{ended}/log"),
    State("code of a task", "{live}/actions/a0/code"),
    State("a value", "{ended}/actions/a0/values/inputs/corpus"),
    State("a report in full", "{ended}/actions/a0/report/page"),
    State("reports of a run", "{ended}/reports"),
    State("compare", "/compare/?a={scene}&b={ended}"),
    State("compare with", "/compare/?a={ended}"),
    State("calls of a task", "{scene}/table?sort=-in.number"),
    State("run log, filtered", "{live}/log?level=error"),
    State("run, collapsed", "{ended}", press("w", "ArrowDown")),
    State("run, what comes from an earlier one", "{ended}?look=cached&look=recovered"),
    State("panel, from the cache", "{ended}?action=m1.t0"),
    State("panel, recovered", "{ended}?action=m0.t0"),
    State("panel, live", "{live}?action=a0"),
    State("panel, failed", "{ended}?action=a0"),
    State("panel, refusing", "{scene}?action=a0-refusing"),
    State("panel, was refusing", "{scene}?action=a0-trial9"),
    State("panel, timing out", "{scene}?action=a0-slow"),
    State("panel, a yes-or-no question", "{scene}?action=a0-ship"),
    State("panel, a number is asked for", "{scene}?action=a0-rows"),
    State("panel, answered", "{scene}?action=a0-reviewed"),
    State("panel, inputs", "{live}?action=a0&tab=inputs"),
    State("panel, outputs", "{live}?action=a0&tab=outputs"),
    State("panel, attempts", "{live}?action=a0&tab=attempts"),
    State("panel, logs", "{live}?action=a0&tab=logs"),
    State("panel, logs searched", "{live}?action=a0&tab=logs", search_log),
    State("panel, logs in full width", "{live}?action=a0&tab=logs", widen_log),
    State("panel, several attempts", "{ended}?action=m0.t7&tab=attempts"),
    State("panel, report", "{ended}?action=a0&tab=report"),
    State("panel, a part that could not be loaded", "{scene}?action=a0-refusing", fail_to_load),
    State("panel, code", "{live}?action=a0&tab=code"),
    State("panel, details", "{live}?action=a0&tab=details"),
    State("panel, events", "{ended}?action=a0&tab=events"),
    State("tasks", TASKS),
    State("task", f"{TASKS}/demo.main"),
    State("task, launch", f"{TASKS}/demo.trial/launch"),
    State("waiting for you", "/waiting/"),
    State("waiting for you, answer dialog", "/waiting/", show_answer("a0-long")),
    State("waiting for you, nothing", "/waiting/", on="idle"),
    State("panel, a prompt as Markdown", "{scene}?action=a0-long"),
    State("executors", "/executors/"),
    State("executors, none", "/executors/", on="idle"),
    State("secrets", "/secrets/"),
    State("secrets, none", "/secrets/?where=flytesnacks/production", on="idle"),
    State("secrets, delete dialog", "/secrets/", show_dialog("[data-delete-secret]")),
    State("a new secret", "/secrets/new", click(".secret-form summary")),
    State("a secret to replace", "/secrets/new?where=development&name=MY_TOKEN"),
    State("deletion of a secret, as a page", "/secrets/delete/MY_TOKEN/development"),
    State("audit", "/audit/"),
    State("audit, no match", "/audit/?who=nobody-of-this-name"),
    State("abort, as a page", "{scene}/abort?action=a0"),
    State("abort of runs, as a page", RUNS.removesuffix("/runs") + "/aborts?name=scene"),
    State("deletion of runs, as a page", RUNS.removesuffix("/runs") + "/delete?name=scene"),
    State("no such run", "{runs}/nosuchrun"),
    State("no such page", "/nothing/here"),
    State("admin, log in", "/admin/"),
    State("admin, actions", "/admin/login/?next=/admin/runs/action/", log_in),
]


SECRETS = """
from runs.domain.secrets import SecretRef
from runs.engine.secrets import create_secret, replace_secret
for ref in (SecretRef("MY_TOKEN", domain="development"), SecretRef("PASSWORD"), SecretRef("A-CERTIFICATE-WITH-A-LONG-NAME", "flytesnacks", "development")):
    create_secret(ref, b"not shown", actor="ann")
replace_secret(SecretRef("PASSWORD"), b"not shown either", actor="bob on behalf of somebody with a long name")
"""


def make_places(busy: Server, idle: Server) -> tuple[dict[str, Server], dict[str, str]]:
    """Make what the states show; returns the servers by name, and the paths of the runs that were made."""
    code = "from tests.support import showcase; showcase.make_everything('scene'); showcase.make_unclaimed('unclaimed')"
    manage(busy, "shell", "-v", "0", "-c", code)
    manage(busy, "createsuperuser", "--noinput", "--username", ADMIN, "--email", "ann@example.org")
    manage(busy, "shell", "-v", "0", "-c", SECRETS)
    live = busy.submit("examples/demo.py", "main", "--trials", "3", "--seconds", "7200")
    busy.wait_running(live, "trial", 3)
    ended = make_demo(busy, "3x20")
    return {"busy": busy, "idle": idle}, {
        "runs": RUNS,
        "scene": f"{RUNS}/scene",
        "unclaimed": f"{RUNS}/unclaimed",
        "live": f"{RUNS}/{live}",
        "ended": ended,
        "earlier": f"{RUNS}/{find_related(busy, ended)}",
    }


@dataclass(frozen=True)
class Places:
    """Where the states are: both servers, and the addresses of the runs that were made for them."""

    servers: dict[str, Server]
    paths: dict[str, str]

    def show(self, page: Page, state: State) -> None:
        """Go there, wait until the page is connected, and do what makes the state."""
        page.goto(self.servers[state.on].url + state.path.format(**self.paths))
        status = page.locator("connection-status")
        if status.count():
            expect(status).to_have_attribute("data-state", CONNECTED)
        if state.act:
            state.act(page)
