"""Filters and tags of the templates: times (as <relative-time> and <live-clock> read them), numbers, log lines, constants."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from runs.domain.inputs import conditions
from runs.domain.timeline import to_ms
from runs.protocol.constants import FOR_SCRIPTS, RECONNECT_CODES
from runs.tree.log_lines import lines_html, run_lines_html

register = template.Library()
register.filter("ms", to_ms)
register.filter("lines_html", lines_html)
register.simple_tag(run_lines_html)


@register.filter
def exactly(value: str, name: str) -> str:
    """What the filter of a run's page takes for `name`, `task` or `group`, being just this."""
    return conditions.exactly(name, value)


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


@register.filter
def grouped(number: int) -> str:
    """8431 as 8,431."""
    return f"{number:,}"


@register.simple_tag
def page_constants() -> SafeString:
    """What the scripts must know as the server does, as JSON for an attribute: numbers only, so nothing to escape."""
    return mark_safe(json.dumps(FOR_SCRIPTS))  # noqa: S308


@register.simple_tag
def reconnect_codes() -> SafeString:
    """The close codes after which hx-ws connects again, as JSON."""
    return mark_safe(json.dumps(RECONNECT_CODES))  # noqa: S308
