"""The code that an action runs, from its panel to the line where its task begins."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.run_page import open_run
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

IN_VIEW = """(line) => {
  const box = line.getBoundingClientRect();
  return box.top >= 0 && box.bottom <= innerHeight;
}"""


def test_the_code_opens_where_the_task_begins(page: Page, server: Server):
    run = server.submit("examples/demo.py", "main", "--trials", "1", "--seconds", "1")
    open_run(page, server, run, "?action=a0")

    page.get_by_role("link", name="Where it begins").click()

    first = page.locator("#code pre > span[data-begins]")
    expect(first).to_contain_text("@env.task")
    assert first.evaluate(IN_VIEW)
    page.locator("#code summary").click()
    page.locator("#code .code-files [aria-current]").click()
    expect(page).to_have_url(re.compile(r"/actions/a0/code\?file="))
    page.go_back()
    page.locator("#code .code-facts > a").first.click()

    expect(page).to_have_url(re.compile(r"/actions/a0/code#L-\d+$"))
    first = page.locator(".code-file pre > span:target")
    expect(first).to_contain_text("@env.task")
    assert first.evaluate(IN_VIEW)
    expect(
        page.get_by_role("link", name="examples/demo.py").or_(page.get_by_role("link", name="demo.py"))
    ).to_have_attribute("aria-current", "page")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all").click()
    assert re.search(r"\.(tgz|tar\.gz)$", download.value.suggested_filename)
    server.abort(run)
