from __future__ import annotations

import pytest
from django.test import Client


def test_a_width_that_is_remembered_is_a_style_sheet():
    answer = Client().get("/panes.css?inspector=420")

    assert answer.headers["Content-Type"] == "text/css"
    assert answer.content == b":root { --inspector-px: 420px; }\n"


@pytest.mark.parametrize("said", ["", "12", "99999", "1e9", "420px;}body{display:none", "٤٢٠"])
def test_anything_else_says_nothing(said: str):
    assert Client().get("/panes.css", {"inspector": said}).content == b""
