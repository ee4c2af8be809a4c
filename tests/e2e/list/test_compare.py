"""Two runs told apart, from the list of runs to the line that differs."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.steps import Steps
from tests.support.server.server import Server

RUNS = "/v2/domain/development/project/flytesnacks/runs"
CODE = """
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="compared")


@env.task
async def main(n: int) -> int:
    return n * {factor}


if __name__ == "__main__":
    flyte.init_from_config(root_dir=Path(__file__).parent)
    print(flyte.run(main, n=7).name)
"""


def submit(server: Server, file: Path, factor: int) -> str:
    """A run of the same file, in which one number is another one."""
    file.write_text(CODE.format(factor=factor))
    run = server.finish(server.python(str(file))).split()[-1]
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return run


def test_two_selected_runs_are_told_apart(page: Page, server: Server, tmp_path: Path):
    runs = [submit(server, tmp_path / "compared.py", factor) for factor in (2, 3)]
    steps = Steps(page)
    page.goto(f"{server.url}{RUNS}?task=compared")
    steps.begin()
    compare = page.locator("[data-compare-picked]")

    page.get_by_role("checkbox", name=f"Select main {runs[0]}").check()
    expect(compare).to_be_disabled()
    page.get_by_role("checkbox", name=f"Select main {runs[1]}").check()
    compare.click()

    expect(page.locator(".side").first).to_contain_text(runs[0])
    expect(page.locator(".first-difference")).to_have_text("First difference: code, compared.py")
    expect(page.locator(".first-difference")).to_be_in_viewport()
    steps.expect_at_most(3, requests=2)  # the selection leads to an address that can be sent around
    expect(page.locator(".diff [data-line=delete]")).to_contain_text("return n * 2")
    expect(page.locator(".diff [data-line=insert]")).to_contain_text("return n * 3")
    expect(page.locator("#outputs .side-b")).to_have_text("21")
    page.locator("#inputs summary").press("Enter")
    expect(page.locator("#inputs dd")).to_have_text("7")

    page.get_by_role("link", name="Compare A with another…").click()
    expect(page.get_by_role("link", name=f"main {runs[1]}")).to_be_visible()
    page.get_by_label("With").fill(f"{server.url}{RUNS}/{runs[1]}?action=a0&tab=logs")
    page.get_by_role("button", name="Compare").press("Enter")
    expect(page.locator(".first-difference")).to_have_text("First difference: code, compared.py")
