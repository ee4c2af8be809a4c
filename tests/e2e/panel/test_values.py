"""What a run was given and has made, from its panel: types, files, tables, reports, and its calls side by side."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_page import run_url
from tests.support.server.server import Server

FILE = "tests/workflows/values.py"


def make_run(server: Server) -> str:
    run = server.submit(FILE, "main", "--trials", "3")
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return run


def test_from_a_value_to_its_file(page: Page, server: Server):
    run = make_run(server)
    (everything,) = server.named(run, "everything")
    page.goto(run_url(server, run) + f"?action={everything['name']}&tab=inputs")
    inputs = page.locator("#inputs")

    for name, kind in (
        ("config", "Config"), ("optimizer", "enum"), ("since", "datetime"), ("within", "timedelta"), ("title", "str | None"),
        ("ids", "list[int]"), ("weights", "dict[str, float]"),
    ):  # fmt: skip
        expect(
            inputs.locator(".value", has=page.get_by_text(name, exact=True)).locator("dt .type")
        ).to_have_text(kind)
    layers = inputs.locator("summary", has_text="layers")
    layers.press("Enter")
    expect(inputs.get_by_text("width").first).to_be_hidden()

    page.locator("#tab-outputs").click()
    outputs = page.locator("#outputs")
    expect(outputs.locator("img[alt='plot.png']")).to_have_js_property("naturalWidth", 8)
    expect(outputs.get_by_text("12 rows, 3 columns · the first 5")).to_be_visible()
    expect(outputs.locator("td", has_text="<b>0")).to_be_visible()
    expect(outputs.get_by_text("2 rows, 2 columns")).to_be_visible()
    outputs.get_by_role("link", name="model/card.json").or_(
        outputs.get_by_role("link", name="card.json")
    ).click()

    expect(page.locator("h1")).to_contain_text("o3")
    expect(page.locator(".parts")).to_contain_text("small")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_text() == '{"name": "small", "layers": [1, 2]}'


def test_from_the_calls_of_a_task_to_the_report_of_the_best(page: Page, browser: Browser, server: Server):
    run = make_run(server)
    trials = server.named(run, "trial")
    page.goto(run_url(server, run) + f"?action={trials[0]['name']}")

    page.get_by_role("link", name="Table", exact=True).click()
    header = page.get_by_role("columnheader", name="o0")
    sort = header.get_by_role("link", name="o0", exact=True)
    sort.click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    sort.click()
    expect(header).to_have_attribute("aria-sort", "descending")
    first = page.locator(".siblings tbody tr").first
    expect(first.locator("td").nth(1)).to_have_text("2")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert Path(download.value.path()).read_text().startswith("action,number,lr,o0,o1,phase,seconds,started")

    first.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"\?action=\w+$"))
    page.get_by_role("link", name="Reports").click()
    expect(page.locator(".report-list li")).to_have_count(3)
    report = page.get_by_role("link", name="trial number=2 lr=0.02", exact=True).get_attribute("href")
    # Where nobody minds that the report asks for fonts of another server, which it does not get.
    other = browser.new_page()
    other.goto(f"{server.url}{report}")
    expect(other.frame_locator(".report iframe").get_by_role("heading", name="Trial 2")).to_be_visible()
    other.context.close()
