"""Numbers for templates."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def grouped(number: int) -> str:
    """8431 as 8,431."""
    return f"{number:,}"
