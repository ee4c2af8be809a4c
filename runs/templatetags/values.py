"""Values as HTML: trees that open and close without a script. Made here and not in a template, since one may have thousands of parts."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlencode

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from runs.domain.texts import counted
from runs.domain.values.parts import Kind
from runs.domain.values.trees import Node

register = template.Library()
FEW = 30  # parts: a value of no more is open as a whole
_PAIRS = {Kind.LIST: "[]", Kind.DICT: "{}"}


@register.simple_tag
def node_html(node: Node, url: str) -> SafeString:
    """A value, whose own page has this address. Its outermost part is open."""
    return mark_safe("".join(_parts(node, url, is_open=True, opens_all=_size(node) <= FEW)))  # noqa: S308  # escaped below


@register.simple_tag
def value_url(url: str, name: str) -> str:
    """The page of a value; url: of the values of its side."""
    return f"{url}/{quote(name, safe='')}"


@register.simple_tag
def at_query(node: Node, file: str = "") -> str:
    """The query of the address of a part of a value, and of a file in it: `?at=/0`, or ""."""
    asked = {key: value for key, value in (("at", node.at), ("file", file)) if value}
    return f"?{urlencode(asked)}" if asked else ""


def _size(node: Node) -> int:
    return 1 + sum(_size(child) for child in node.children)


def _parts(node: Node, url: str, *, is_open: bool, opens_all: bool) -> Iterator[str]:
    if not node.children:
        yield _leaf(node, url)
        return
    yield format_html('<details class="part"{}><summary>', mark_safe(" open") if is_open else "")
    yield f"{_key(node)}{_about(node)}</summary><ul>"
    for child in node.children:
        yield "<li>"
        yield from _parts(child, url, is_open=opens_all, opens_all=opens_all)
        yield "</li>"
    if node.left_out:
        yield format_html('<li class="cut">{} more</li>', f"{node.left_out:,}")
    yield "</ul></details>"


def _key(node: Node) -> str:
    return format_html('<span class="key">{}</span> ', node.name) if node.name else ""


def _about(node: Node) -> str:
    noun = ("item", "items") if node.kind is Kind.LIST else ("entry", "entries")
    if node.kind is Kind.DICT and not node.type.startswith("dict"):
        noun = ("field", "fields")
    return format_html('<span class="about">{} · {}</span>', node.type, counted(node.count, *noun))


def _leaf(node: Node, url: str) -> str:
    return f'<span class="part">{_key(node)}{_content(node, url)}</span>'


def _content(node: Node, url: str) -> str:
    if node.kind in _PAIRS:
        pair = _PAIRS[node.kind]
        text = pair if not node.count else f"{pair[0]}{node.count:,} more{pair[1]}"
        return format_html('<span class="literal">{}</span>', text)
    if node.is_stored:
        name = node.uri.rstrip("/").rpartition("/")[2] or node.uri
        link = format_html('<a href="{}{}">{}</a>', url, at_query(node), name[:200])
        return format_html('{} <span class="about">{}</span>', link, node.type)
    if node.kind is Kind.PICKLE:
        return format_html('<span class="about">{}, {} bytes</span>', node.type, f"{node.size:,}")
    text = format_html(
        '<span class="{}">{}</span>', "text" if node.kind is Kind.TEXT else "literal", node.text
    )
    return f"{text}{truncated(node, url)}" if node.length else text


@register.simple_tag
def truncated(node: Node, url: str) -> SafeString:
    """What stands after a text that is cut."""
    return format_html(
        '<span class="truncated">Truncated: {} characters · <a href="{}/download{}">Download</a></span>',
        f"{node.length:,}", url, at_query(node),
    )  # fmt: skip


@register.simple_tag
def differ(count: int, noun: str = "") -> str:
    """`the same`, `1 differs`, `2 files differ`."""
    if not count:
        return "the same"
    what = counted(count, noun) if noun else f"{count:,}"
    return f"{what} {'differs' if count == 1 else 'differ'}"
