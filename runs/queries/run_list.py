"""The list of runs: those that match a listing, with their roots and the counts of their actions by phase."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import (
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Least
from django.utils import timezone

from runs.domain.addresses.pages import run_list_path
from runs.domain.errors import Invalid
from runs.domain.listings import EVERYTHING, Listing, read_listing
from runs.domain.names import ROOT
from runs.domain.phases import Phase
from runs.domain.status import NEEDS_ANSWER
from runs.domain.timeline import between_ms, format_duration
from runs.models import Action, Run
from runs.queries.listing.counts import NO_COUNTS, count_runs
from runs.queries.listing.matching import matching
from runs.queries.rows import ROW_FIELDS, ActionRow, to_row
from runs.queries.waits import with_reasons
from runs.store import client_config

PAGE_SIZE = 50
KEPT_COUNTS = 4096
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
EXAMPLE = ("external_abort.py", "main", "--n", "5", "--sleep_for", "60")
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# Ended phases first, so that a bar fills from the left.
_BAR_ORDER = (
    Phase.SUCCEEDED, Phase.RECOVERED, Phase.FAILED, Phase.TIMED_OUT, Phase.ABORTED, Phase.RUNNING, Phase.INITIALIZING,
    Phase.PAUSED, Phase.WAITING_FOR_RESOURCES, Phase.QUEUED,
)  # fmt: skip
_LEAST_WIDTH = 3.0  # percent: a single failure among thousands shows


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a bar: so many actions in this phase. x and width: percent."""

    slug: str
    label: str
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """The counts of a run's actions by phase."""

    parts: tuple[Part, ...]
    total: int

    @property
    def text(self) -> str:
        return ", ".join(f"{part.count:,} {part.label}" for part in self.parts)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A line of the list of runs."""

    id: int
    name: str
    path: str
    created_by: str
    created_at: datetime
    labels: tuple[tuple[str, str], ...]
    root: ActionRow
    duration: str
    bar: Bar

    @property
    def needs_answer(self) -> bool:
        """Whether a condition in it waits; the counts of its bar say so."""
        goes_on = not (self.root.is_terminal or self.root.is_aborting)
        return goes_on and any(part.slug == Phase.PAUSED.slug for part in self.bar.parts)

    @property
    def status(self) -> str:
        return Phase.PAUSED.slug if self.needs_answer else self.root.status

    @property
    def status_label(self) -> str:
        return NEEDS_ANSWER if self.needs_answer else self.root.status_label


@dataclass(frozen=True, slots=True)
class RunList:
    """Runs in the order of the listing. next, previous: the cursors of those that follow and of those that precede, or empty."""

    rows: tuple[RunRow, ...]
    next: str
    previous: str = ""


NO_RUNS = RunList((), "")


def list_runs(
    project: str,
    domain: str,
    listing: Listing = EVERYTHING,
    *,
    now: datetime,
    before: str = "",
    after: str = "",
    me: str = "",
) -> RunList:
    """The first runs that match; those that follow the cursor `before`; or those that precede the cursor `after`, which are the first
    ones where fewer than a page precede it. me: whose `who=me` are.

    Three statements, two more when some are queued, one more when inputs are compared. Raises Invalid. In the order of time it reads the index run_listing until a page is full, and reads each root by action_identity.
    In the order of duration it reads all that match.
    """
    runs = matching(project, domain, listing, now, me)
    order = _longest if listing.sort == "longest" else _by_time
    found, cursors = order(runs, listing, after or before, now, is_back=bool(after))
    has_more = len(found) > PAGE_SIZE
    if after and not has_more:
        return list_runs(project, domain, listing, now=now, me=me)
    page, cursors = found[:PAGE_SIZE], cursors[:PAGE_SIZE]
    if after:
        page, cursors = page[::-1], cursors[::-1]
    ids = [run.pk for run in page]
    roots = Action.objects.filter(run__in=ids, name=ROOT).values_list("run_id", *ROW_FIELDS)
    root_of = {run_id: to_row(*rest) for run_id, *rest in roots}
    root_rows = with_reasons({root.id: root for root in root_of.values()})
    bars = get_bars({run.pk: run.seq for run in page})
    path = run_list_path(project, domain)
    rows = tuple(
        _run_row(run, root_rows[root_of[run.pk].id], bars[run.pk], path) for run in page if run.pk in root_of
    )
    is_followed, is_preceded = has_more or bool(after), has_more if after else bool(before)
    return RunList(
        rows,
        cursors[-1] if cursors and is_followed else "",
        cursors[0] if cursors and is_preceded else "",
    )


def read_page(
    project: str, domain: str, query: str, before: str = "", *, after: str = "", me: str = ""
) -> dict[str, Any]:
    """Context of runs/list/_run_table.html: the runs that a query asks for and how many there are, or what is wrong with it."""
    listing, runs, counts, problem = EVERYTHING, NO_RUNS, NO_COUNTS, ""
    try:
        listing, now = read_listing(query), timezone.now()
        runs = list_runs(project, domain, listing, now=now, before=before, after=after, me=me)
        counts = count_runs(project, domain, listing, now=now, me=me)
    except Invalid as error:
        problem = error.message
    return {
        "project": project, "domain": domain, "listing": listing, "runs": runs, "counts": counts, "problem": problem,
        "config": client_config.render(project, domain), "command": command_here(project, domain),
    }  # fmt: skip


def command_here(project: str, domain: str) -> str:
    """A line that works as it is in any folder of the server's machine; empty where readers may be on others."""
    if settings.HOST not in LOOPBACK:
        return ""
    flyte = Path(sys.executable).with_name("flyte")
    config = settings.HOME / "config.yaml"  # `flyteui up` writes it
    if not (flyte.exists() and config.exists()):
        return ""
    file, *arguments = EXAMPLE
    scope = ("--project", project, "--domain", domain)
    return shlex.join(
        [str(flyte), "--config", str(config), "run", *scope, str(settings.EXAMPLES / file), *arguments]
    )


Found = tuple[
    list[Run], list[str]
]  # runs, one more than a page holds when there are more; and the cursor after each


def _by_time(runs: QuerySet[Run], listing: Listing, cursor: str, now: datetime, *, is_back: bool) -> Found:
    is_newest = (listing.sort == "newest") is not is_back
    if cursor:
        microseconds, run_id = _read_cursor(cursor, 2)
        at = _moment(microseconds, cursor)
        beyond = Q(created_at__lte=at) if is_newest else Q(created_at__gte=at)
        passed = Q(created_at=at, id__gte=run_id) if is_newest else Q(created_at=at, id__lte=run_id)
        runs = runs.filter(beyond).exclude(passed)
    order = ("-created_at", "-id") if is_newest else ("created_at", "id")
    found = list(runs.order_by(*order)[: PAGE_SIZE + 1])
    return found, [f"{_microseconds(run.created_at)}-{run.pk}" for run in found]


def _longest(runs: QuerySet[Run], listing: Listing, cursor: str, now: datetime, *, is_back: bool) -> Found:
    """Durations of live runs grow, so all pages of one query use the time at which the first was read; the cursor carries it."""
    at, took, run_id = now, None, 0
    if cursor:
        at_us, took_us, run_id = _read_cursor(cursor, 3)
        at, took = _moment(at_us, cursor), timedelta(microseconds=took_us)
    ended = Subquery(Action.objects.filter(run=OuterRef("pk"), name=ROOT).values("ended_at")[:1])
    until = Least(Coalesce(ended, Value(at)), Value(at))
    runs = runs.filter(created_at__lte=at).annotate(
        took=ExpressionWrapper(until - F("created_at"), output_field=DurationField())
    )
    if took is not None and is_back:
        runs = runs.filter(Q(took__gt=took) | Q(took=took, id__gt=run_id))
    elif took is not None:
        runs = runs.filter(Q(took__lt=took) | Q(took=took, id__lt=run_id))
    order = ("took", "id") if is_back else ("-took", "-id")
    found: list[Any] = list(runs.order_by(*order)[: PAGE_SIZE + 1])
    return found, [f"{_microseconds(at)}-{run.took // MICROSECOND}-{run.pk}" for run in found]


def _microseconds(at: datetime) -> int:
    return (at - EPOCH) // MICROSECOND


def _moment(microseconds: int, cursor: str) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        raise _not_ours(cursor) from None


def _read_cursor(cursor: str, parts: int) -> list[int]:
    numbers = cursor.split("-")
    if len(numbers) != parts or not all(one.isdecimal() and len(one) < 19 for one in numbers):
        raise _not_ours(cursor)
    return [int(one) for one in numbers]


def _not_ours(cursor: str) -> Invalid:
    return Invalid(f"the cursor {cursor[:80]!r} is not one of ours for this order")


def _run_row(run: Run, root: ActionRow, bar: Bar, path: str) -> RunRow:
    duration = format_duration(between_ms(run.created_at, root.ended_at)) if root.ended_at else ""
    labels = tuple(sorted((str(key), str(value)) for key, value in run.labels.items()))
    return RunRow(
        run.pk, run.name, f"{path}/{run.name}", run.created_by, run.created_at, labels, root, duration, bar
    )


_lock = threading.Lock()
_bars: dict[tuple[int, int], Bar] = {}


def get_bars(seqs: dict[int, int]) -> dict[int, Bar]:
    """The bars of these runs, whose sequence numbers are given. At most one statement, on the index action_phases.

    A run is counted again only after a change: a list is read after each hint, and a run may have 100,000 actions.
    """
    with _lock:
        bars = {run_id: _bars[run_id, seq] for run_id, seq in seqs.items() if (run_id, seq) in _bars}
    missing = sorted(seqs.keys() - bars.keys())
    if not missing:
        return bars
    counts: dict[int, dict[int, int]] = {run_id: {} for run_id in missing}
    counted = Action.objects.filter(run__in=missing).values_list("run_id", "phase").annotate(n=Count("*"))
    for run_id, phase, count in counted.order_by():
        counts[run_id][phase] = count
    made = {run_id: make_bar(counts[run_id]) for run_id in missing}
    with _lock:
        if len(_bars) + len(made) > KEPT_COUNTS:
            _bars.clear()
        _bars.update({(run_id, seqs[run_id]): bar for run_id, bar in made.items()})
    return bars | made


def make_bar(counts: Mapping[Any, int]) -> Bar:
    """The bar of these counts by phase. Small parts are wider than their share, so that each can be seen."""
    present = [phase for phase in _BAR_ORDER if counts.get(phase)]
    total = sum(counts.values())
    wide = [max(100 * counts[phase] / total, _LEAST_WIDTH) for phase in present]
    ends = _running_sums(width * 100 / sum(wide) for width in wide)
    parts = (
        Part(phase.slug, phase.label.lower(), counts[phase], round(x, 2), round(end - x, 2))
        for phase, (x, end) in zip(present, pairwise(ends), strict=True)
    )
    return Bar(tuple(parts), total)


def _running_sums(widths: Iterable[float]) -> list[float]:
    ends = [0.0]
    for width in widths:
        ends.append(ends[-1] + width)
    return ends
