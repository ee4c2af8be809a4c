"""Scripts and styles of a page: joined into one file of each kind, unless a source has changed since."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Template

import join_pages
from runs.templatetags import assets, joined

STATIC = settings.ROOT / "static"
NOT_JOINED = {"app.css", "admin.css"}  # nothing but imports; of the admin site alone
URLS = Template("{% load assets %}{% joined 'css/app.css' %} {% joined 'js/app.js' %}")


@pytest.fixture
def root(tmp_path: Path, settings) -> Iterator[Path]:
    """A checkout's static files, which a test may change."""
    settings.STATICFILES_DIRS = [tmp_path / "static"]
    for kind in joined.SOURCES:
        shutil.copytree(STATIC / kind, tmp_path / "static" / kind)
    assets.is_joined.cache_clear()
    yield tmp_path
    assets.is_joined.cache_clear()


def join_in(static: Path) -> None:
    esbuild = join_pages.find_esbuild()
    assert esbuild
    assert join_pages.join(static, esbuild) == 0


def test_without_joined_files_each_source_is_served(root: Path):
    assert URLS.render(Context()) == "/static/css/app.css /static/js/app.js"


def test_joined_files_are_served_while_their_sources_are_as_they_were(root: Path):
    join_in(root / "static")
    assert URLS.render(Context()) == "/static/dist/app.css /static/dist/app.js"

    (root / "static/js/page/toasts.js").write_text("export const changed = 1;")
    assets.is_joined.cache_clear()
    assert URLS.render(Context()) == "/static/css/app.css /static/js/app.js"


def test_each_style_and_each_script_is_in_what_is_joined(root: Path):
    join_in(root / "static")

    for kind in joined.SOURCES:
        source_map = (root / "static/dist" / f"app.{kind}.map").read_text()
        names = {file.name for file in (STATIC / kind).rglob(f"*.{kind}")} - NOT_JOINED
        assert [name for name in sorted(names) if f"/{name}" not in source_map] == []


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all programs, none, on a machine with a checkout in which nobody has run `make modules`."""
    for kind in joined.SOURCES:
        shutil.copytree(STATIC / kind, tmp_path / "static" / kind)
    shutil.copy(settings.ROOT / "package.json", tmp_path)
    monkeypatch.setattr(join_pages, "ROOT", tmp_path)
    monkeypatch.setattr(join_pages, "STATIC", tmp_path / "static")
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    return programs


def test_without_esbuild_and_npm_nothing_is_joined_and_that_is_no_error(bare: Path, capsys):
    assert join_pages.main() == 0

    assert "neither esbuild nor npm" in capsys.readouterr().out
    assert not (join_pages.STATIC / "dist").exists()


def test_npm_is_asked_for_the_version_that_is_pinned(bare: Path):
    (bare / "npm").write_text('#!/bin/sh\necho "$*" > asked\nexit 7\n')
    (bare / "npm").chmod(0o755)

    assert join_pages.main() == 7

    asked = (join_pages.ROOT / "asked").read_text()
    pinned = json.loads((settings.ROOT / "package.json").read_text())["devDependencies"]["esbuild"]
    assert f" --package=esbuild@{pinned} -- esbuild " in asked
    assert not joined.is_joined(join_pages.STATIC)
