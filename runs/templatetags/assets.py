"""The scripts and styles of the pages: each a file of its own in static/, and joined into one of a kind where that was built.

A page that nobody has loaded before would ask for 85 files. `join_pages.py` joins them into static/dist/, in a checkout by `make modules`
and for a wheel; while a source differs from what was joined, the sources are served.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django import template
from django.conf import settings
from django.templatetags.static import static

from runs.templatetags import joined as dist

register = template.Library()
is_joined = cache(dist.is_joined)  # asked once by each process


@register.simple_tag
def joined(name: str) -> str:
    """The URL of an entry, such as js/app.js, which imports all others of its kind."""
    if is_joined(Path(settings.STATICFILES_DIRS[0])):
        return static(f"{dist.JOINED}/{Path(name).name}")
    return static(name)
