"""Times for templates: what <relative-time> and <live-clock> read."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from runs.timeline import to_ms

register = template.Library()
register.filter("ms", to_ms)


@register.filter
def clock(at: datetime) -> str:
    """The time of day to the millisecond, in UTC."""
    return at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]


@register.simple_tag
def ago(at: datetime) -> SafeString:
    """A moment that the browser keeps saying relative to now; without JavaScript, the absolute one."""
    at = at.astimezone(UTC)
    return format_html(
        '<relative-time datetime="{}">{}</relative-time>',
        at.isoformat(),
        at.strftime("%Y-%m-%d %H:%M:%S UTC"),
    )


@register.simple_tag
def moment(at: datetime) -> SafeString:
    """A moment to the millisecond, with its date in the title."""
    at = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        at.strftime("%Y-%m-%d %H:%M:%S.%f UTC"),
        clock(at),
    )
