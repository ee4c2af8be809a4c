"""Which runs a list shows, and in which order: the query of its URL, read and written. Pure.

`phase=running&phase=failed&task=train&who=ann&label=team=vision&q=night&since=24h&until=2026-11-22&sort=longest`
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

from runs.domain.errors import Invalid
from runs.domain.phases import Phase

SORTS = {"newest": "Newest first", "oldest": "Oldest first", "longest": "Longest first"}
ME = "me"
MAX_TEXT = 200
MAX_QUERY = 4000
# In the order of a life.
PHASES = (
    Phase.QUEUED, Phase.WAITING_FOR_RESOURCES, Phase.INITIALIZING, Phase.RUNNING, Phase.PAUSED, Phase.SUCCEEDED,
    Phase.RECOVERED, Phase.FAILED, Phase.TIMED_OUT, Phase.ABORTED,
)  # fmt: skip
_BY_SLUG = {phase.slug: phase for phase in PHASES}
_AGE = re.compile(r"(\d{1,5})\s*([smhdw])\Z")
_DAYS_AGO = {"today": 0, "yesterday": 1}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Span:
    """Days by which a list is often filtered, one click."""

    label: str
    since: str
    until: str = ""


SPANS = (Span("Today", "today"), Span("Yesterday", "yesterday", "today"), Span("7 days", "7d"))


@dataclass(frozen=True, slots=True)
class Listing:
    """What a person asked for, as it was typed. Empty fields match everything; texts match anywhere, in any case.

    q: what the search box says: words, each of them in the run's name, task, labels, error, inputs or creator, and comparisons of inputs.
    task: in the name of its task; who: in that of its creator, or `me`; label: `key=value`, or `key` alone.
    since, until: when it was made; an age such as `24h`, a moment, in UTC, or a day in the time zone `tz` (UTC if it names none).
    """

    phases: frozenset[Phase] = frozenset()
    q: str = ""
    task: str = ""
    who: str = ""
    label: str = ""
    since: str = ""
    until: str = ""
    tz: str = ""
    sort: str = "newest"

    @property
    def is_filter(self) -> bool:
        return replace(self, sort="newest", tz="") != EVERYTHING

    @property
    def has_more(self) -> bool:
        """Whether a field is set that the page hides behind *More*."""
        return any((self.task, self.who, self.label, self.since, self.until)) and not any(
            self.has(span) for span in SPANS
        )

    def has(self, span: Span) -> bool:
        """Whether it shows just these days."""
        return (self.since, self.until) == (span.since, span.until)

    @property
    def query(self) -> str:
        """It as the query of a URL, as short as may be."""
        pairs: list[tuple[str, str]] = [("phase", phase.slug) for phase in PHASES if phase in self.phases]
        pairs += [(name, getattr(self, name)) for name in _TEXTS if getattr(self, name)]
        return urlencode(pairs if self.sort == "newest" else [*pairs, ("sort", self.sort)])

    @property
    def label_pair(self) -> tuple[str, str | None]:
        """The label's key, and its value when that matters."""
        key, sign, value = self.label.partition("=")
        return key.strip(), value.strip() if sign else None

    def span(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Since when and until when, as moments. Raises Invalid."""
        zone = _zone(self.tz)
        return read_moment("since", self.since, now, zone), read_moment("until", self.until, now, zone)


_TEXTS = tuple(field.name for field in fields(Listing) if field.name not in {"phases", "sort"})
EVERYTHING = Listing()


def read_listing(query: str) -> Listing:
    """The listing in the query of a URL. Unknown fields are ignored; a bad value raises Invalid."""
    if len(query) > MAX_QUERY:
        raise Invalid(f"the filter has {len(query)} characters; at most {MAX_QUERY} are read")
    fields_of = parse_qs(query.removeprefix("?"))
    texts: dict[str, Any] = {
        name: fields_of[name][-1].strip()[:MAX_TEXT] for name in _TEXTS if name in fields_of
    }
    sort = fields_of.get("sort", ["newest"])[-1]
    if sort not in SORTS:
        raise Invalid(f"there is no order {sort[:80]!r}; there are {', '.join(SORTS)}")
    phases = frozenset(_phase(slug) for slug in fields_of.get("phase", []))
    return Listing(phases=phases, sort=sort, **texts)


def _phase(slug: str) -> Phase:
    if slug not in _BY_SLUG:
        raise Invalid(f"there is no phase {slug[:80]!r}; there are {', '.join(_BY_SLUG)}")
    return _BY_SLUG[slug]


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):  # unknown, or no name at all
        raise Invalid(f"there is no time zone {name[:80]!r}; its name is one such as Europe/Berlin") from None


def read_moment(field: str, text: str, now: datetime, zone: tzinfo = UTC) -> datetime | None:
    """The moment that a text means: `24h` before now, the begin of `today` or `yesterday` in the zone, or a date, with a time or
    without, in UTC. Raises Invalid.
    """
    if not text:
        return None
    try:
        if (days := _DAYS_AGO.get(text.lower())) is not None:
            day = now.astimezone(zone).date() - timedelta(days=days)
            return datetime.combine(day, time(), zone).astimezone(UTC)
        if age := _AGE.match(text.lower()):
            return now - timedelta(seconds=int(age[1]) * _SECONDS[age[2]])
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Invalid(
            f"{field} {text!r} is neither an age (30m, 24h, 7d) nor a day (today, yesterday) nor a moment (2026-11-22 or 2026-11-22 14:30, in UTC)"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
