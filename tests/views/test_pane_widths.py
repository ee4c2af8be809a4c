from __future__ import annotations

import pytest
from django.test import Client


def test_widths_that_are_remembered_are_a_style_sheet():
    answer = Client().get("/panes.css?panel=420&names=200")

    assert answer.headers["Content-Type"] == "text/css"
    assert answer.content == b":root { --panel-px: 420px; --names-px: 200px; }\n"


def test_what_is_no_sane_width_does_not_hide_the_other():
    assert Client().get("/panes.css?panel=&names=200").content == b":root { --names-px: 200px; }\n"


@pytest.mark.parametrize("said", ["", "12", "99999", "1e9", "420px;}body{display:none", "٤٢٠"])
@pytest.mark.parametrize("name", ["panel", "names"])
def test_anything_else_says_nothing(name: str, said: str):
    assert Client().get("/panes.css", {name: said}).content == b""


@pytest.mark.django_db
def test_a_page_asks_for_the_sheet_only_when_something_is_remembered():
    client = Client()
    assert b"panes.css" not in client.get("/executors/").content

    client.cookies["names"] = "200"

    assert b"/panes.css?panel=&amp;names=200" in client.get("/executors/").content
