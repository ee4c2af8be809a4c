"""What the documents say to do: their commands and files, and where their links lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"(?:<!-- (?P<note>not run: .+?|starts a server|changes the system) -->\s*)?"
    r"^(?P<indent> *)```sh\n(?P<code>.*?)^ *```",
    re.MULTILINE | re.DOTALL,
)
FILE = re.compile(r"```python\n# (?P<name>\w+\.py)\n(?P<code>.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines for a shell. note: who runs them if not everybody may: `starts a server`, `changes the system`, `not run: why`; or ""."""

    page: str
    code: str
    note: str


def documents() -> list[Path]:
    """All pages but the decisions, which are history."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in pages if "decisions" not in page.parts]


def blocks() -> Iterator[Block]:
    """Each block once, although several pages may show it."""
    seen = set()
    for page in documents():
        for match in BLOCK.finditer(page.read_text()):
            code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
            if code not in seen:
                seen.add(code)
                yield Block(page.relative_to(ROOT).as_posix(), code, match["note"] or "")


def files() -> dict[str, str]:
    """The Python files that the pages tell one to save, by name."""
    return {match["name"]: match["code"] for page in documents() for match in FILE.finditer(page.read_text())}


def broken_links(page: Path) -> list[str]:
    """Links of a page to files that are not there, or to headings that those do not have."""
    broken = []
    for link in LINK.findall(without_code(page.read_text())):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        missing_anchor = (
            anchor and target.suffix == ".md" and target.is_file() and anchor not in anchors(target)
        )
        if not target.exists() or missing_anchor:
            broken.append(link)
    return broken


def anchors(page: Path) -> set[str]:
    """What headings are called in addresses, as Python-Markdown makes it of their text."""
    found = set()
    for heading in HEADING.findall(without_code(page.read_text())):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        words = re.sub(r"[^\w\s-]", "", text).strip().lower()
        found.add(re.sub(r"[-\s]+", "-", words))
    return found


def without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
