"""Files that are no Python are found in a checkout and where flyteui is installed; the site is built without inline scripts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import build_site
from flyteui import places
from tests.arch.sources import ROOT


def test_a_checkout_has_them_beside_the_packages():
    assert not places.IS_INSTALLED
    assert {name: places.folder_of(name) for name in ("templates", "static", "examples", "site")} == {
        "templates": ROOT / "templates",
        "static": ROOT / "static",
        "examples": ROOT / "examples",
        "site": ROOT / "build" / "site",
    }
    assert places.default_home() == ROOT / ".flyteui"


def test_where_it_is_installed_they_are_inside_and_the_home_is_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(places, "IS_INSTALLED", True)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    assert places.folder_of("static") == ROOT / "flyteui" / "static"
    assert places.default_home().is_relative_to(tmp_path)
    assert places.default_home().name == "flyteui"


def test_an_inline_script_becomes_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(build_site, "SITE", tmp_path)
    (tmp_path / build_site.SCRIPTS).mkdir(parents=True)
    page = tmp_path / "how-to" / "index.html"
    page.parent.mkdir()
    page.write_text(
        '<script>a()</script><script src="x.js"></script><script type="application/json">{}</script>'
    )

    build_site.move_scripts(page)

    (made,) = (tmp_path / build_site.SCRIPTS).iterdir()
    assert made.read_text() == "a()"
    assert page.read_text() == (
        f'<script src="../{build_site.SCRIPTS}/{made.name}"></script>'
        '<script src="x.js"></script><script type="application/json">{}</script>'
    )


@pytest.mark.parametrize("text", ["", "one two one"])
def test_a_page_that_has_not_exactly_one_place_ends_the_build(tmp_path: Path, text: str):
    page = tmp_path / "index.html"
    page.write_text(text)

    with pytest.raises(SystemExit, match=r"index\.html has [02], not 1, of this: a number"):
        build_site.replace_once(page, re.compile("one"), "1", "a number")

    assert page.read_text() == text
