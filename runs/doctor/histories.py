"""Invariants of histories: the events of an action, its attempts and its leases."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import BigIntegerField, F, OuterRef, Q, Subquery, Value, Window
from django.db.models.functions import Coalesce, Lag

from runs.doctor.findings import REPORT, Finding, facts_of, finding_of
from runs.domain.phases import ALLOWED, HELD, Phase
from runs.models import Action, ActionEvent, Attempt

_HELD = sorted(HELD)
_LAST_EVENT = ActionEvent.objects.filter(action=OuterRef("pk")).order_by("-pk").values("to_phase")[:1]


def _previous(column: str, *, order: str) -> Coalesce:
    """The column's value in the row before, of the same action; 0 in the first row."""
    before = Window(Lag(column), partition_by=[F("action_id")], order_by=order)
    return Coalesce(before, Value(0), output_field=BigIntegerField())


# An edge is from * 100 + to, and from is 0 at the action's creation. from == to notes what changed no phase.
_EDGES = [
    *(int(to) for to in Phase),
    *(int(phase) * 100 + int(to) for phase in Phase for to in ALLOWED[phase] | {phase}),
]


def check_events() -> Iterator[Finding]:
    """Each action's events are a chain of allowed edges that ends where the action is. Two statements."""
    was = Coalesce("from_phase", Value(0))
    edges = ActionEvent.objects.annotate(
        was=was, edge=was * 100 + F("to_phase"), before=_previous("to_phase", order="id"),
        seq_before=_previous("seq", order="id"),
    )  # fmt: skip
    broken = edges.filter(~Q(was=F("before")) | ~Q(edge__in=_EDGES) | Q(seq__lt=F("seq_before")))
    for facts in facts_of(
        broken, "action__", was=F("was"), to=F("to_phase"), before=F("before"), event=F("pk")
    ):
        for name in ("was", "to", "before"):
            facts[name] = Phase(facts[name]).label.lower() if facts[name] else "nothing"
        text = "has event {event} from {was} to {to} after one that came to {before}"
        yield finding_of("broken-history", text, REPORT, facts)
    ends = Action.objects.annotate(last=Coalesce(Subquery(_LAST_EVENT), Value(0))).exclude(last=F("phase"))
    for facts in facts_of(ends, last=F("last")):
        facts["last"] = Phase(facts["last"]).label.lower() if facts["last"] else "nothing"
        yield finding_of(
            "history-ends-elsewhere", "is {phase}, but its last event came to {last}", REPORT, facts
        )


def check_attempts() -> Iterator[Finding]:
    """Leases are numbered 1, 2, 3, attempts too (a system retry repeats one), and only a held action has one open.
    Three statements.
    """
    numbered = Attempt.objects.annotate(
        lease_before=_previous("lease_epoch", order="lease_epoch"),
        number_before=_previous("number", order="lease_epoch"),
    )  # fmt: skip
    gaps = numbered.filter(
        ~Q(lease_epoch=F("lease_before") + 1)
        | Q(number__lt=F("number_before"))
        | Q(number__gt=F("number_before") + 1, action__queued_timeout_seconds=0)
        | Q(number__lt=1)
    )
    now = {"number": F("number"), "lease": F("lease_epoch")}
    before = {"number_before": F("number_before"), "lease_before": F("lease_before")}
    for facts in facts_of(gaps, "action__", **now, **before):
        text = "has attempt {number} with lease {lease} right after attempt {number_before} with lease {lease_before}"
        yield finding_of("attempts-not-dense", text, REPORT, facts)
    newest = Attempt.objects.filter(action=OuterRef("pk")).order_by("-lease_epoch")
    counted = Action.objects.annotate(
        last=Coalesce(Subquery(newest.values("number")[:1]), Value(0)),
        lease=Coalesce(Subquery(newest.values("lease_epoch")[:1]), Value(0)),
    )
    # A retry that still waits has its number already, and no row; nor has an attempt that never left the queue.
    wrong = counted.filter(
        ~Q(lease=F("lease_epoch")) | Q(attempt__lt=F("last")) | Q(attempt__gt=F("last") + 1, queued_timeout_seconds=0) |
        Q(phase__in=_HELD) & ~Q(attempt=F("last"))
    )  # fmt: skip
    for facts in facts_of(wrong, last=F("last"), lease=F("lease")):
        text = "is at attempt {attempt} with lease {lease_epoch}, but its last attempt is {last} with lease {lease}"
        yield finding_of("attempts-not-dense", text, REPORT, facts)
    held = Q(action__phase__in=_HELD, lease_epoch=F("action__lease_epoch"))
    for facts in facts_of(Attempt.objects.filter(ended_at=None).exclude(held), "action__", **now):
        text = "is {phase} with lease {lease_epoch}, but its attempt {number} with lease {lease} has no end"
        yield finding_of("attempt-left-open", text, REPORT, facts)
