"""The scripts and styles of the pages: each a file of its own in static/, and joined into one of a kind where that was built.

A page that nobody has loaded before would ask for 85 files. `make modules` joins them into static/dist/, as the wheel has them;
while a source differs from what was joined, the sources are served.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from django import template
from django.conf import settings
from django.templatetags.static import static

register = template.Library()
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


@cache
def is_joined(root: Path) -> bool:
    """Whether what was joined is of these sources. Asked once by each process."""
    stored = root / JOINED / DIGEST
    return stored.exists() and stored.read_text() == digest_of_sources(root)


@register.simple_tag
def joined(name: str) -> str:
    """The URL of an entry, such as js/app.js, which imports all others of its kind."""
    if is_joined(Path(settings.STATICFILES_DIRS[0])):
        return static(f"{JOINED}/{Path(name).name}")
    return static(name)
