"""The abort of one action for the panel: who, why, through which ancestor, the three instants, and a refusal to stop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runs.domain.phases import HELD, TERMINAL, Cause, Escalation, Phase
from runs.domain.status import LIMITS
from runs.domain.timeline import between_ms, format_duration
from runs.models import Abort, Action
from runs.queries.aborts.marks import AbortMark
from runs.queries.rows import Refusal, refusal_of

HEADINGS = {
    "aborting": "Aborting",
    "refusing": "Refusing to stop",
    "timing-out": "Timing out",
    "aborted": "Aborted",
    "timed-out": "Timed out",
}
# How an action that had refused to stop ended, by the last step of the escalation.
ENDED_BY = {
    Escalation.NONE: "ended by itself",
    Escalation.ASKED_AGAIN: "ended after it was asked again",
    Escalation.CLOSED: "ended when it was closed (the coroutine of an async def task, the process of a def task)",
    Escalation.PROCESS: "ended with the process that held it",
}


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment of an abort, and how long after the request it came."""

    name: str
    at: datetime | None
    after: str


@dataclass(frozen=True, slots=True)
class RefusalDetails:
    """A refusal to stop, while it lasts and afterwards.

    stack: where it was stuck; neighbours: how many others lose their process if that of this action must end; lasted
    and ended_by: empty while it lasts.
    """

    now: Refusal
    stack: str
    neighbours: int
    lasted: str
    ended_by: str


@dataclass(frozen=True, slots=True)
class AbortChain:
    """Who or what stopped the action, why, when, and through which ancestor (law 12).

    limit: the one that it exceeded; forced_at: when an abort with force came, which does not wait for grace periods.
    """

    heading: str
    mark: AbortMark
    reason: str
    limit: str
    scope: str
    target_name: str
    target_label: str
    is_target: bool
    instants: tuple[Instant, ...]
    forced_at: datetime | None
    refusal: RefusalDetails | None


def find_chain(action: Action, status: str) -> AbortChain | None:
    """The abort that reached the action, with abort__target joined. One statement while it refuses."""
    abort = action.abort
    if abort is None:
        return None
    return AbortChain(
        heading=HEADINGS.get(status, "Asked to stop"),
        mark=AbortMark(abort.actor, Cause(abort.cause), abort.requested_at, abort.reason),
        reason=abort.reason,
        limit=LIMITS.get(action.exceeded, "") if abort.target_id == action.pk else "",
        scope=abort.scope,
        target_name=abort.target.name,
        target_label=abort.target.short_name or abort.target.name,
        is_target=abort.target_id == action.pk,
        instants=_instants(action, abort),
        forced_at=action.forced_at,
        refusal=_refusal(action),
    )


def _instants(action: Action, abort: Abort) -> tuple[Instant, ...]:
    has_stopped = action.phase in {Phase.ABORTED, Phase.TIMED_OUT}
    stopped, asked = action.ended_at if has_stopped else None, abort.requested_at
    return (
        Instant("requested", asked, ""),
        Instant("delivered", action.delivered_at, _after(asked, action.delivered_at)),
        Instant("stopped", stopped, _after(asked, stopped)),
    )


def _after(start: datetime, end: datetime | None) -> str:
    return f"+{between_ms(start, end):,} ms" if end else ""


def _refusal(action: Action) -> RefusalDetails | None:
    refusal = refusal_of(action.escalation, action.refusing_since, action.escalates_at)
    if refusal is None:
        return None
    ended = action.ended_at
    return RefusalDetails(
        now=refusal,
        stack=action.stuck_in,
        neighbours=0 if action.phase in TERMINAL else count_neighbours(action),
        lasted=format_duration(between_ms(refusal.since, ended)) if ended else "",
        ended_by=_ended_by(refusal.step, is_forced=action.forced_at is not None) if ended else "",
    )


def _ended_by(step: Escalation, *, is_forced: bool) -> str:
    return "ended by force" if is_forced and step < Escalation.CLOSED else ENDED_BY[step]


def count_neighbours(action: Action) -> int:
    """How many other actions the executor of this one holds. One statement, on the index action_held."""
    if action.executor_id is None:
        return 0
    held = Action.objects.filter(executor_id=action.executor_id, phase__in=sorted(HELD))
    return held.exclude(pk=action.pk).count()
