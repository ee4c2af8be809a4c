"""How many runs a listing has, and how many of each phase: kept for a moment, in proportion to what it costs to count them."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Count, OuterRef, Subquery

from runs.domain.listings import Listing
from runs.domain.names import ROOT
from runs.domain.phases import Kind, Phase
from runs.models import Action
from runs.queries.listing.matching import matching, needs_answer

# A count is good for so many times as long as it took: however many runs there are, and however often they change, one twentieth
# of a processor counts them for each listing.
KEPT_TIMES = 20
KEPT = 64


@dataclass(frozen=True, slots=True)
class RunCounts:
    """total: of the listing. by_phase: of the same without its phases, by slug; `paused` are those in which a condition waits."""

    total: int = 0
    by_phase: Mapping[str, int] = field(default_factory=dict)


NO_COUNTS = RunCounts()
_lock = threading.Lock()
_kept: dict[tuple[str, str, str, Listing], tuple[float, RunCounts]] = {}


def count_runs(project: str, domain: str, listing: Listing, *, now: datetime, me: str = "") -> RunCounts:
    """The counts of a listing. Three statements, or none when they were counted a moment ago. Raises Invalid."""
    key = project, domain, me, replace(listing, sort="newest")
    began = time.monotonic()
    with _lock:
        until, counts = _kept.get(key, (0.0, NO_COUNTS))
    if began < until:
        return counts
    counts = _count(project, domain, listing, now, me)
    took = time.monotonic() - began
    with _lock:
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[key] = began + took * (1 + KEPT_TIMES), counts
    return counts


def _count(project: str, domain: str, listing: Listing, now: datetime, me: str) -> RunCounts:
    runs = matching(project, domain, replace(listing, phases=frozenset()), now, me)
    root = Action.objects.filter(run=OuterRef("pk"), name=ROOT).values("phase")
    counted = runs.order_by().annotate(of=Subquery(root)).values_list("of").annotate(number=Count("pk"))
    by_phase = {Phase(phase).slug: number for phase, number in counted if phase is not None}
    by_phase[Phase.PAUSED.slug] = runs.filter(needs_answer()).count() if _some_wait() else 0
    if not listing.phases:
        return RunCounts(sum(by_phase.values()) - by_phase[Phase.PAUSED.slug], by_phase)
    if Phase.PAUSED in listing.phases:
        return RunCounts(matching(project, domain, listing, now, me).count(), by_phase)
    return RunCounts(sum(by_phase.get(phase.slug, 0) for phase in listing.phases), by_phase)


def _some_wait() -> bool:
    """Whether a condition waits in any run: one look at the index action_paused spares a look at each run."""
    return Action.objects.filter(phase=Phase.PAUSED, kind=Kind.CONDITION).exists()
