"""How an action looks: its phase, or what an abort, a limit, a retry or the cache makes of it. Pure.

A look is a slug: it picks mark and colour (static/css/mark.css, templates/runs/_sprite.html) and counts in the summary.
"""

from __future__ import annotations

from dataclasses import dataclass

from runs.phases import DEADLINE, MAX_RUNTIME, QUEUED_TIMEOUT, TERMINAL, Phase

# In the order in which the summary counts them: what wants attention first.
WORDS: dict[str, str] = {
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
# Those of the looks that are a phase in which everything can be asked to stop at once (runs/selections.py).
STOPPABLE = frozenset({"paused", "running", "initializing", "waiting-for-resources", "queued"})

CACHE_HIT = 2  # Flyte's CatalogCacheStatus number
LIMITS = {MAX_RUNTIME: "max runtime", QUEUED_TIMEOUT: "time in the queue", DEADLINE: "deadline"}
# What an abort that came too late is told.
HAD_ENDED = {
    Phase.SUCCEEDED: "had succeeded",
    Phase.FAILED: "had failed",
    Phase.ABORTED: "was aborted",
    Phase.TIMED_OUT: "had timed out",
    Phase.RECOVERED: "was recovered",
}


@dataclass(frozen=True, slots=True)
class Count:
    """A chip of the summary. below_root: how many of them are not the root, which no abort of a phase selects."""

    look: str
    word: str
    number: int
    below_root: int

    @property
    def can_stop(self) -> bool:
        """Whether all of them can be asked to stop at once."""
        return self.look in STOPPABLE and self.below_root > 0


def look_of(
    phase: Phase,
    *,
    is_asked: bool = False,
    exceeded: str = "",
    is_refusing: bool = False,
    is_held_back: bool = False,
    cache_status: int = 0,
) -> str:
    """The slug. is_asked: to stop; exceeded: the limit for which; is_held_back: a retry that waits for its backoff."""
    if phase in TERMINAL:
        is_hit = phase is Phase.SUCCEEDED and cache_status == CACHE_HIT
        return "cached" if is_hit else phase.slug
    if is_asked and is_refusing:
        return "refusing"
    if is_asked:
        return "timing-out" if exceeded else "aborting"
    return "retrying" if phase is Phase.QUEUED and is_held_back else phase.slug


def word_of(look: str, attempt: int, max_attempts: int) -> str:
    """The word for a look; a retry says which one it is."""
    return f"{WORDS[look]} {attempt}/{max_attempts}" if look == "retrying" else WORDS[look]
