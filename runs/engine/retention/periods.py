"""How long something is kept, as settings say it: `30d`, or by project `30d,flytesnacks=7d,archive=`. Pure, because settings read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from runs.domain.errors import Invalid

KEEP_LABEL = "keep"  # a run with the label keep=true is never deleted by retention
KEEP_VALUE = "true"
_SPAN = re.compile(r"(\d{1,6})([mhdw])\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Retention:
    """default: of projects that are not named; None: for ever."""

    default: timedelta | None = None
    by_project: Mapping[str, timedelta | None] = field(default_factory=dict)

    def of(self, project: str) -> timedelta | None:
        return self.by_project.get(project, self.default)

    @property
    def is_for_ever(self) -> bool:
        return self.default is None and not any(self.by_project.values())


FOR_EVER = Retention()


def read_retention(name: str, text: str) -> Retention:
    """What a setting of this name says; raises Invalid. Nothing, also for a project, means for ever."""
    default: timedelta | None = None
    by_project: dict[str, timedelta | None] = {}
    for position, part in enumerate(text.split(",") if text.strip() else []):
        project, separator, span = part.strip().partition("=")
        if separator:
            by_project[project.strip()] = read_span(name, span)
        elif position == 0:
            default = read_span(name, project)
        else:
            raise Invalid(f"{name}: {part.strip()!r} must name a project, such as flytesnacks=7d")
    return Retention(default, by_project)


def read_span(name: str, text: str) -> timedelta | None:
    """A time such as 30d; None for nothing. Raises Invalid, with the name of the setting."""
    text = text.strip()
    if not text:
        return None
    found = _SPAN.match(text)
    if found is None or not int(found[1]):
        raise Invalid(
            f"{name}: {text!r} must be a whole number of minutes, hours, days or weeks, such as 90m, 12h, 30d or 8w"
        )
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def show_span(span: timedelta | None) -> str:
    """As settings have it."""
    if span is None:
        return "for ever"
    minutes = int(span.total_seconds() // 60)
    for unit, size in (("d", 24 * 60), ("h", 60)):
        if minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
