"""Reads of the audit: its entries, the newest first, by who, what and project."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from runs.models import AuditEntry

PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What is looked for; "" is everything. who: a part of a name; before: the id of the last entry of the page before."""

    who: str = ""
    deed: str = ""
    project: str = ""
    outcome: str = ""
    before: int = 0


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One entry as the page shows it."""

    id: int
    at: datetime
    name: str
    subject: str
    way: str
    behalf: str
    deed: str
    target: str
    project: str
    outcome: str
    note: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, and the id after which the next page begins; 0 when there is none."""

    lines: tuple[AuditLine, ...]
    next: int


def read_audit(found: AuditFilter, projects: Collection[str] | None) -> AuditPage:
    """Entries that match, of these projects; None means all, and those of no project, too. One statement."""
    rows = AuditEntry.objects.order_by("-id")
    if projects is not None:
        rows = rows.filter(project__in=projects)
    if found.who:
        named = Q(name__icontains=found.who) | Q(subject__icontains=found.who)
        rows = rows.filter(
            named | Q(behalf__icontains=found.who) | Q(subject="", target__icontains=found.who)
        )
    exact = {name: value for name in ("deed", "project", "outcome") if (value := getattr(found, name))}
    rows = rows.filter(**exact)
    if found.before:
        rows = rows.filter(id__lt=found.before)
    lines = [_line(row) for row in rows[: PAGE_ROWS + 1]]
    more = lines[PAGE_ROWS - 1].id if len(lines) > PAGE_ROWS else 0
    return AuditPage(tuple(lines[:PAGE_ROWS]), more)


def _line(row: AuditEntry) -> AuditLine:
    return AuditLine(
        row.pk, row.at, row.name, row.subject, row.way, row.behalf, row.deed, row.target, row.project, row.outcome, row.note
    )  # fmt: skip
