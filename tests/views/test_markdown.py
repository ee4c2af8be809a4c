"""Markdown of users: what it may show, and what it cannot do."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.conditions import Question
from runs.templatetags.markdown import MAX_CHARACTERS, markdown, prompt_line

TAG = re.compile(r"<(/?)([a-zA-Z][\w:-]*)([^>]*)>")
ATTRIBUTE = re.compile(r'\s([\w:-]+)="([^"]*)"')
MAY = {
    "h4", "h5", "h6", "p", "ul", "ol", "li", "em", "strong", "s", "code", "pre", "blockquote", "hr", "br", "a", "img", "table",
    "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
# Pieces of which hostile texts are made.
PIECES = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))", "[a](JaVaScRiPt&colon;alert(1))",
    "![a](https://elsewhere.example/pixel.png)", "![a](data:image/svg+xml;base64,AAAA)", "[a](data:text/html,x)", "<https://a.example>",
    '[a](https://a.example "t\\"itle")', "# ", "`", "```html\n", "\n", "> ", "| a | b |\n|---|---|\n| 1 | <b> |\n", "**", "[", "](", ")", '"', "'", "&lt;",
    "[r]: javascript:alert(1)\n", "[r]", "<a href=x>", "x", " ", "\\",
]  # fmt: skip


def test_headings_lists_tables_and_links_are_shown():
    html = markdown("# Ship?\n\n- **one**\n- [two](https://a.example/x)\n\n| a |\n|---|\n| 1 |\n")

    assert "<h4>Ship?</h4>" in html
    assert "<li><strong>one</strong></li>" in html
    assert '<a href="https://a.example/x" rel="noopener noreferrer nofollow" target="_blank">two</a>' in html
    assert "<td>1</td>" in html


def test_html_of_users_is_text():
    assert "&lt;script&gt;" in markdown("<script>alert(1)</script>")


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JAVASCRIPT:alert(1)", "vbscript:x", "file:///etc/passwd", "data:text/html,x"],
)
def test_an_address_that_could_do_harm_is_no_link(address: str):
    assert "<a" not in markdown(f"[click]({address})")
    assert "<a" not in markdown(f"<{address}>")


def test_an_image_of_another_server_is_only_its_words():
    html = markdown("see ![the plot](https://elsewhere.example/pixel.png)")

    assert "the plot" in html
    assert "elsewhere" not in html


def test_an_image_in_the_text_is_shown():
    assert '<img src="data:image/png;base64,AAAA" alt="plot"' in markdown(
        "![plot](data:image/png;base64,AAAA)"
    )


def test_a_text_without_end_is_shown_as_it_is():
    text = "*" * (MAX_CHARACTERS + 1)

    assert markdown(text) == text
    assert not hasattr(markdown(text), "__html__")  # so that the template escapes it


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_whatever_is_written_becomes_tags_and_attributes_that_we_know(text: str):
    html = markdown(text)

    for _, tag, rest in TAG.findall(html):
        assert tag in MAY, html
        for name, value in ATTRIBUTE.findall(rest):
            assert not name.startswith("on"), html
            if name == "href":
                assert re.match(r"(https?|mailto):|[^:]*\Z|x", value), html
            if name == "src":
                assert value.startswith("data:image/"), html


@pytest.mark.parametrize(
    ("prompt", "is_markdown", "line"),
    [
        ("# Ship *it*?\n\nor `not`", True, "Ship it? or not"),
        ("Ship *it*?", False, "Ship *it*?"),
        ("", True, "about it"),
    ],
)
def test_a_row_has_the_question_in_one_line_without_marks(prompt: str, is_markdown: bool, line: str):
    assert prompt_line(Question("q", "boolean", prompt, is_markdown, "about it")) == line
