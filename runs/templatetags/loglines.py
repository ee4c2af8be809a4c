"""Lines of a log for templates."""

from __future__ import annotations

from django import template

from runs.loglines import lines_html

register = template.Library()
register.filter("lines_html", lines_html)
