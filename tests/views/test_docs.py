"""/docs/: the built site, or how to build it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from flyteui.middleware.security import POLICY


@pytest.fixture
def site(tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "site"
    (folder / "how-to").mkdir(parents=True)
    (folder / "assets/javascripts").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>first</h1>")
    (folder / "404.html").write_text("<h1>nothing here</h1>")
    (folder / "how-to/index.html").write_text("<h1>how</h1>")
    (folder / "assets/javascripts/page.0123.js").write_text("1")
    (folder / "assets/mark.svg").write_text("<svg/>")
    (tmp_path / "secret").write_text("secret")
    settings.SITE = folder
    return folder


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("/docs/", "first", "text/html; charset=utf-8"),
        ("/docs/how-to/", "how", "text/html; charset=utf-8"),
        ("/docs/assets/mark.svg", "<svg/>", "image/svg+xml"),
    ],
)
def test_pages_and_files_are_served(client: Client, site: Path, path: str, text: str, kind: str):
    answer = client.get(path)

    assert text in answer.content.decode()
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Security-Policy"] == POLICY


def test_commands_name_the_address_of_this_server(client: Client, site: Path, settings: Any):
    settings.PUBLIC_URL = "https://flows.example.com"
    (site / "how-to/index.html").write_text(
        "curl http://localhost:8000/healthz; endpoint: dns:///localhost:8000"
    )

    answer = client.get("/docs/how-to/")

    assert (
        answer.content.decode()
        == "curl https://flows.example.com/healthz; endpoint: dns:///flows.example.com"
    )


def test_a_folder_has_its_slash_because_its_links_are_relative(client: Client, site: Path):
    answer = client.get("/docs/how-to")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/docs/how-to/")


def test_what_is_named_by_its_digest_is_kept_by_browsers(client: Client, site: Path):
    assert "immutable" in client.get("/docs/assets/javascripts/page.0123.js").headers["Cache-Control"]
    assert "immutable" not in client.get("/docs/").headers["Cache-Control"]


@pytest.mark.parametrize(
    "path", ["/docs/gone/", "/docs/../secret", "/docs/%2e%2e/secret", "/docs//etc/passwd", "/docs/x%00y"]
)
def test_nothing_else_is(client: Client, site: Path, path: str):
    answer = client.get(path)

    assert answer.status_code == 404
    assert "secret" not in answer.content.decode()
    assert "root:" not in answer.content.decode()


@pytest.mark.django_db
def test_a_checkout_without_a_site_says_how_to_build_it(client: Client, settings: Any, tmp_path: Path):
    settings.SITE = tmp_path / "nowhere"

    answer = client.get("/docs/how-to/")

    assert answer.status_code == 404
    assert "make docs" in answer.content.decode()
