"""The display status of an action: its phase, or what an abort, a limit, a retry or the cache makes of it. Pure.

It is a slug, not stored: it picks mark and colour in every page, and the summary counts actions by it. URLs and page messages call
it `look`.
"""

from __future__ import annotations

from dataclasses import dataclass

from runs.domain.limits import DEADLINE, MAX_RUNTIME, QUEUED_TIMEOUT
from runs.domain.phases import TERMINAL, Phase

# In the order of the summary: what needs attention first.
STATUS_LABELS: dict[str, str] = {
    "failed": Phase.FAILED.label,
    "timed-out": Phase.TIMED_OUT.label,
    "refusing": "Refusing",
    "timing-out": "Timing out",
    "aborting": "Aborting",
    "paused": Phase.PAUSED.label,
    "running": Phase.RUNNING.label,
    "initializing": Phase.INITIALIZING.label,
    "retrying": "Retrying",
    "waiting-for-resources": Phase.WAITING_FOR_RESOURCES.label,
    "queued": Phase.QUEUED.label,
    "aborted": Phase.ABORTED.label,
    "succeeded": Phase.SUCCEEDED.label,
    "cached": "From cache",
    "recovered": Phase.RECOVERED.label,
}
# Those statuses that are phases by which a bulk abort can select (runs/domain/selections.py).
STOPPABLE = frozenset({"paused", "running", "initializing", "waiting-for-resources", "queued"})

NO_REASON = "no reason given"  # what people read of an abort that has none
NEEDS_ANSWER = "Needs an answer"  # what list and header say of a run in which a condition waits
CACHE_HIT = 2  # Flyte's CatalogCacheStatus number
LIMITS = {MAX_RUNTIME: "max runtime", QUEUED_TIMEOUT: "time in the queue", DEADLINE: "deadline"}
# How the answer to an abort that came too late says what the action had come to.
HAD_ENDED = {
    Phase.SUCCEEDED: "had succeeded",
    Phase.FAILED: "had failed",
    Phase.ABORTED: "was aborted",
    Phase.TIMED_OUT: "had timed out",
    Phase.RECOVERED: "was recovered",
}


@dataclass(frozen=True, slots=True)
class Count:
    """A chip of the summary: how many actions have a status. below_root: without the root, which no abort of a phase selects."""

    status: str
    label: str
    number: int
    below_root: int

    @property
    def can_stop(self) -> bool:
        """Whether all of them can be asked to stop at once."""
        return self.status in STOPPABLE and self.below_root > 0


def display_status(
    phase: Phase,
    *,
    is_asked: bool = False,
    exceeded: str = "",
    is_refusing: bool = False,
    is_held_back: bool = False,
    cache_status: int = 0,
) -> str:
    """The display status. is_asked: to stop; exceeded: the limit for which; is_held_back: a retry that waits for its backoff."""
    if phase in TERMINAL:
        is_hit = phase is Phase.SUCCEEDED and cache_status == CACHE_HIT
        return "cached" if is_hit else phase.slug
    if is_asked and is_refusing:
        return "refusing"
    if is_asked:
        return "timing-out" if exceeded else "aborting"
    return "retrying" if phase is Phase.QUEUED and is_held_back else phase.slug


def status_label(status: str, attempt: int, max_attempts: int, *, is_ending: bool = False) -> str:
    """The status as people read it; a retry has its number. is_ending: its code has ended, and what it has started has not."""
    if status == "retrying":
        return f"{STATUS_LABELS[status]} {attempt}/{max_attempts}"
    return "Ending" if is_ending and status == "running" else STATUS_LABELS[status]
