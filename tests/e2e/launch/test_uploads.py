"""A file and a folder of this computer are inputs of a run, chosen in its form, sent, and read by the real SDK."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from runs.domain.phases import Phase
from tests.e2e.launch.test_run_again import field, new_run, open_form, output_of
from tests.support.pages.axe import SCHEMES, violations
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e
FILE = "tests/workflows/files.py"


@pytest.fixture(scope="module")
def read(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that read a file and a folder of the client."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "first.txt").write_text("first")
    run = server.submit(FILE, "reads_both", "--file", str(folder / "first.txt"), "--folder", str(folder))
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return run


@pytest.fixture
def chosen(tmp_path: Path) -> Path:
    (tmp_path / "set/deep").mkdir(parents=True)
    (tmp_path / "set/top.txt").write_text("1")
    (tmp_path / "set/deep/below.txt").write_text("2")
    (tmp_path / "note.txt").write_text("chosen here")
    return tmp_path


def choose(page: Page, chosen: Path) -> None:
    page.locator('[name="in.file.upload"]').set_input_files(chosen / "note.txt")
    page.locator('[name="in.folder.upload"]').set_input_files(chosen / "set")


def test_a_file_and_a_folder_are_sent_as_they_are_chosen_and_read_by_the_task(
    page: Page, server: Server, read: str, chosen: Path
):
    open_form(page, server, read)
    choose(page, chosen)
    expect(page.get_by_text("note.txt, 11 B: uploaded")).to_be_visible()
    expect(page.get_by_text("set, 2 files, 2 B: uploaded")).to_be_visible()
    assert field(page, "folder").input_value().endswith("/set")
    expect(page.locator("[data-changes]")).to_have_text("2 changed")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert not (found := violations(page)), "\n".join(found)
    page.get_by_role("button", name="Run again").click()

    assert "chosen here and deep/below.txt, top.txt" in output_of(server, new_run(page, read))


def test_without_javascript_they_come_with_the_form_and_a_refusal_is_at_the_field_with_it(
    browser: Browser, page: Page, server: Server, read: str, chosen: Path
):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 780})
    plain = context.new_page()
    open_form(plain, server, read)
    choose(plain, chosen)
    plain.get_by_role("button", name="Run again").click()
    again = new_run(plain, read)
    context.close()
    assert "chosen here and deep/below.txt, top.txt" in output_of(server, again)

    open_form(page, server, read)
    page.locator('[data-upload="file"]').evaluate("box => { box.dataset.most = '3'; }")
    page.locator('[name="in.file.upload"]').set_input_files(chosen / "note.txt")
    expect(page.get_by_role("alert")).to_have_text("11 B were chosen; at most 3 B can be uploaded.")
    expect(page.locator('[name="in.file.upload"]')).to_have_attribute("aria-invalid", "true")
