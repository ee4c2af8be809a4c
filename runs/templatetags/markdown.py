"""Markdown that users wrote, as HTML that can do no harm: no HTML of theirs, no image of another server, no address but of the web.

The parser is markdown-it-py, which refuses `javascript:`, `vbscript:` and `file:` itself. Our policy of contents is the wall behind it.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from django import template
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from runs.domain.conditions import Question

register = template.Library()
ABOVE = 3  # levels of headings of the page above the text
MAX_CHARACTERS = 50_000  # a longer text is shown as it is
MAX_LINE = 300
BLOCKS_IN_LINE = 2


def _render_heading(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, _env: MutableMapping[str, Any]
) -> str:
    tokens[at].tag = f"h{min(int(tokens[at].tag[1:]) + ABOVE, 6)}"
    return renderer.renderToken(tokens, at, options, _env)


def _render_link(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    tokens[at].attrs |= {"rel": "noopener noreferrer nofollow", "target": "_blank"}
    return renderer.renderToken(tokens, at, options, env)


def _render_image(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: MutableMapping[str, Any]
) -> str:
    """An image that is in the text is shown; of another one, only its words: loading it would tell its server who reads."""
    if str(tokens[at].attrs.get("src", "")).startswith("data:image/"):
        return str(renderer.image(tokens, at, options, env))
    return renderer.renderInlineAsText(tokens[at].children or [], options, env)


_MARKDOWN = MarkdownIt("js-default", {"html": False, "breaks": True, "maxNesting": 20})
for _rule in ("heading_open", "heading_close"):
    _MARKDOWN.add_render_rule(_rule, _render_heading)
_MARKDOWN.add_render_rule("link_open", _render_link)
_MARKDOWN.add_render_rule("image", _render_image)


@register.filter
@lru_cache(maxsize=512)
def markdown(text: str) -> SafeString | str:
    """The text as HTML. Headings begin at h4, links open a page of their own."""
    if len(text) > MAX_CHARACTERS:
        return text
    html = mark_safe(_MARKDOWN.render(text))  # noqa: S308 -- made by the parser, which escapes all that is the user's
    return cast("SafeString", html)


@register.filter
@lru_cache(maxsize=512)
def prompt_line(question: Question | None) -> str:
    """What a condition asks, in one line, without marks of Markdown: of a long text its heading and its first paragraph."""
    if question is None:
        return ""
    text = question.prompt or question.description
    if question.is_markdown and len(text) <= MAX_CHARACTERS:
        inline = (token for token in _MARKDOWN.parse(text) if token.type == "inline")
        text = " ".join(_words(token.children or []) for token in islice(inline, BLOCKS_IN_LINE))
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…"


def _words(tokens: Sequence[Token]) -> str:
    return "".join(" " if token.type in {"softbreak", "hardbreak"} else token.content for token in tokens)
