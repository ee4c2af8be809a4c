"""Rows that say which one: real calls, whose inputs differ, in the tree while it grows, in the filter, the panel and the list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from runs.domain.phases import Phase
from tests.support.pages import axe
from tests.support.pages.run_page import open_ended_run, open_run, row, run_url
from tests.support.server.server import Server, wait_until

pytestmark = pytest.mark.e2e

FLOW = "tests/workflows/trials.py"
SECRET = "trials-correct-horse"
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 780}
HTML = "(cells) => cells.map((cell) => cell.innerHTML)"


def by_number(server: Server, run: str, task: str = "trial") -> dict[int, str]:
    """The names of the actions of a task, by their number."""
    return {json.loads(one["input_digest"])["number"]: one["name"] for one in server.named(run, task)}


def inputs(page: Page, name: str) -> Locator:
    return row(page, name).locator(".inputs")


def test_rows_say_what_differs_while_the_run_grows(page: Page, server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = server.submit(FLOW, "search", "--gate", str(gate))
    wait_until(lambda: server.phases(run, "until") == [Phase.RUNNING], "it waits at the gate")
    names = by_number(server, run)
    open_run(page, server, run)

    expect(inputs(page, names[1])).to_have_text("number=1")
    expect(inputs(page, names[2])).to_have_text("number=2")
    assert row(page, names[1]).locator(".name").get_attribute("title") == names[1]
    expect(row(page, "a0").locator("code")).to_have_text("a0")

    gate.touch()
    assert server.wait_ended(run) is Phase.SUCCEEDED
    last = by_number(server, run)[3]

    expect(inputs(page, last)).to_have_text("number=3 lr=0.0005")
    expect(inputs(page, names[1])).to_have_text("number=1 lr=0.1")
    live = page.locator("#rows .row .name").evaluate_all(HTML)
    page.reload()
    expect(inputs(page, last)).to_have_text("number=3 lr=0.0005")
    assert page.locator("#rows .row .name").evaluate_all(HTML) == live

    page.set_viewport_size(PHONE)
    for name, said in {names[1]: "number=1 lr=0.1", last: "number=3 lr=0.0005"}.items():
        assert inputs(page, name).evaluate("(one) => one.scrollWidth <= one.clientWidth"), said
        expect(row(page, name).get_by_role("gridcell", name="Succeeded")).to_have_count(
            1
        )  # for screen readers

    page.set_viewport_size(DESK)
    field = page.get_by_role("searchbox", name="Filter actions")
    field.fill("lr<0.001")
    expect(page.locator("#run-matches")).to_contain_text("1 of 5 match")
    expect(row(page, last)).to_be_visible()
    expect(row(page, names[1])).to_have_count(0)
    field.fill("number=2")
    expect(row(page, names[2])).to_be_visible()
    expect(row(page, last)).to_have_count(0)
    field.fill("number=")
    expect(page.locator("#no-match")).to_contain_text("No action matches: “number=”.")


def test_what_a_process_of_its_own_calls_says_which_one_too(page: Page, server: Server):
    run = server.submit(FLOW, "weigh_all")
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    names = by_number(server, run, "weigh")
    open_ended_run(page, run_url(server, run))

    expect(inputs(page, names[1])).to_have_text("number=1 note=None")
    expect(inputs(page, names[2])).to_have_text("number=2 note=again")
    row(page, names[2]).locator(".label").click()
    expect(page.locator("#overview")).to_contain_text("number=2 lr=0.1 note=again")
    for scheme in axe.SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert axe.violations(page) == []


def test_the_value_of_a_secret_is_in_no_row(page: Page, server: Server):
    server.cli("create", "secret", "TRIALS-TOKEN", "--value", SECRET)
    run = server.submit(FLOW, "passes_secrets")
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    open_ended_run(page, run_url(server, run))

    expect(inputs(page, by_number(server, run)[1])).to_have_text('number=1 note="Bearer ••••"')
    assert SECRET not in page.content()
    assert not [
        one for one in server.actions(run).values() if SECRET in one["input_digest"] + one["child_inputs"]
    ]


def test_the_list_of_runs_says_what_each_was_given(page: Page, server: Server):
    runs = [server.submit(FLOW, "trial", "--number", str(number), "--lr", "0.25") for number in (7, 8)]
    page.goto(f"{server.url}/v2/domain/development/project/flytesnacks/runs")

    for number, run in zip((7, 8), runs, strict=True):
        expect(page.locator(f"#run-{run} .inputs")).to_have_text(
            f"number={number} lr=0.25 split=train note=None"
        )
