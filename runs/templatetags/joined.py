"""Whether static/dist/ has been joined of the present scripts and styles. Standard library only: the build of a wheel asks, too."""

from __future__ import annotations

import hashlib
from pathlib import Path

JOINED = "dist"
SOURCES = ("css", "js")
DIGEST = "sources.sha256"  # beside what was joined: of what


def digest_of_sources(root: Path) -> str:
    """Of all scripts and styles below static/, by name and content. A few milliseconds."""
    digest = hashlib.sha256()
    for folder in SOURCES:
        for file in sorted((root / folder).rglob("*.*")):
            digest.update(file.relative_to(root).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def is_joined(root: Path) -> bool:
    """Whether what was joined is of these sources."""
    stored = root / JOINED / DIGEST
    return stored.exists() and stored.read_text() == digest_of_sources(root)
