"""That an action was asked to stop, as rows, headers and lists say it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runs.domain.phases import Cause
from runs.domain.status import NO_REASON

MAX_SHOWN = 200  # characters of a reason; the panel has all of it


@dataclass(frozen=True, slots=True)
class AbortMark:
    """That an action was asked to stop: by whom, why and when. reason: in one line, "" when none was given."""

    actor: str
    cause: Cause
    requested_at: datetime
    reason: str = ""

    @property
    def by(self) -> str:
        """Who asked, as in *Aborting, asked 3 s ago by ann*; or the cause when no person did."""
        return f"by {self.actor}" if self.cause is Cause.EXTERNAL_ABORT else f"· {self.cause}"

    @property
    def why(self) -> str:
        """Why and who, as in *Aborted: too slow · ann*; the cause stands where no person asked."""
        if self.cause is Cause.EXTERNAL_ABORT:
            return f"{self.reason or NO_REASON} · {self.actor}"
        return f"{self.reason} · {self.cause}" if self.reason else str(self.cause)


def mark_of(
    actor: str | None, cause: str | None, at: datetime | None, reason: str | None
) -> AbortMark | None:
    """The mark of these columns of an abort, or None when there is none."""
    line = " ".join((reason or "").split())[:MAX_SHOWN]
    return AbortMark(actor or "", Cause(cause), at, line) if cause and at else None
