"""What a reader of the pages is told: the strings of templates, scripts and Python, each with what it is.

Django's tags and JavaScript's and Python's holes become "…". Which literals of a program are for people is a guess: those of several
words that begin with a capital letter.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

from tests.support.server.server import ROOT

TAG = re.compile(r"\{%\s*(\w+).*?%\}", re.DOTALL)
HOLE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
COMMENT = re.compile(r"\{#.*?#\}|\{% comment.*?endcomment %\}|<!--.*?-->", re.DOTALL)
SHOWN_ATTRIBUTES = ("title", "aria-label", "placeholder", "alt", "aria-description")
KINDS = {"button": "button", "summary": "button", "a": "link", "th": "column", "label": "label", "option": "option", "legend": "label",
         "dt": "label", "h1": "heading", "h2": "heading", "h3": "heading", "title": "heading"}  # fmt: skip
INLINE = ("b", "code", "em", "i", "kbd", "small", "span", "strong", "time", "relative-time", "svg", "use")
# What a page gives its frame beside words.
CLASSES = re.compile(r"\b[a-z]+(?:-[a-z]+)*-page\b")
SILENT = ("script", "style", "pre")
# Rooms whose literals reach a page, a client or a shell.
ROOMS = (
    "access",
    "api",
    "domain",
    "engine",
    "launch",
    "live",
    "management",
    "queries",
    "templatetags",
    "tree",
    "views",
)
SENTENCE = re.compile(r"[A-Z“…][\w’'…“”-]*[,:]? [\w“…(`\"'’-]")
SQL = re.compile(
    r"(… )?(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|WITH|PRAGMA|BEGIN|EXPLAIN|WHERE|FOR UPDATE)\b"
)
# A comment, or a literal with its quotes.
JS_TOKENS = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`", re.DOTALL
)
JS_HOLE = re.compile(r"\$\{[^{}]*\}")


class Words(NamedTuple):
    """kind: a key of `LIMITS` of tests/words/terms.py."""

    place: str
    kind: str
    text: str


def all_words() -> list[Words]:
    """In the order of the files, and within one in that of the alphabet."""
    found = {*of_templates(), *of_scripts(), *of_programs()}
    return sorted(found)


def of_templates() -> Iterator[Words]:
    for file in sorted((ROOT / "templates").rglob("*.html")):
        reader = _Template()
        reader.feed(HOLE.sub("…", TAG.sub(_gap, COMMENT.sub("", file.read_text()))))
        reader.close()
        place = str(file.relative_to(ROOT))
        yield from (Words(place, kind, text) for kind, text in reader.found)


def _gap(tag: re.Match[str]) -> str:
    """A value that a tag makes is a hole; what a condition chooses between are sentences of their own."""
    if tag[1] in ("elif", "else", "endif", "endfor", "empty", "if", "for"):
        return "\N{INFORMATION SEPARATOR ONE}"
    return "…" if tag[1] in ("duration", "since", "url", "ago") else ""


class _Template(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text: list[str] = []
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SHOWN_ATTRIBUTES and value:
                self._note("title", value)
        if tag not in INLINE:
            self._end()
            if tag not in ("input", "br", "img", "link", "meta", "hr", "wbr"):
                self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in INLINE:
            self._end()
            if tag in self.open:
                while self.open.pop() != tag:
                    pass

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def close(self) -> None:
        super().close()
        self._end()

    def _end(self) -> None:
        text = "".join(self.text)
        self.text.clear()
        if not set(self.open) & set(SILENT):
            kind = next((KINDS[tag] for tag in reversed(self.open) if tag in KINDS), "text")
            self._note(kind, text)

    def _note(self, kind: str, text: str) -> None:
        for part in text.split("\N{INFORMATION SEPARATOR ONE}"):
            plain = " ".join(CLASSES.sub("", part).split()).strip(" ·")
            if re.search(r"[A-Za-z]{2}", plain):
                self.found.append((kind, plain))


def of_scripts() -> Iterator[Words]:
    for file in sorted((ROOT / "static" / "js").rglob("*.js")):
        for token in JS_TOKENS.findall(file.read_text()):
            if token[0] in "\"'`":
                text = JS_HOLE.sub("…", token[1:-1])
                for part in re.split(r"<[^>]*>|\\n", text):
                    yield from _sentence(file, part)


def of_programs() -> Iterator[Words]:
    for room in ROOMS:
        for file in sorted((ROOT / "runs" / room).rglob("*.py")):
            if "migrations" in file.parts:
                continue
            tree = ast.parse(file.read_text())
            silent = set(_docstrings(tree)) | set(_parts(tree))
            for node in ast.walk(tree):
                if id(node) not in silent and (text := _text(node)):
                    yield from _sentence(file, text)


def _docstrings(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)


def _parts(tree: ast.AST) -> Iterator[int]:
    """Literals inside of f-strings: they are not whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield from (id(part) for part in node.values)


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)  # type: ignore[misc]
    return ""


def _sentence(file: Path, text: str) -> Iterator[Words]:
    plain = " ".join(text.split())
    if re.search(r"[A-Za-z]{2}", plain) and SENTENCE.match(plain) and not SQL.match(plain):
        yield Words(str(file.relative_to(ROOT)), "text", plain)
