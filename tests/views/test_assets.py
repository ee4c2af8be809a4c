"""Scripts and styles of a page: joined into one file of each kind, unless a source has changed since."""

from __future__ import annotations

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
    assert join_pages.join(static, join_pages.find_esbuild()) == 0


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
