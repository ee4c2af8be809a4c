"""The message of the error that an aborted action raises in its parent: written in one process, read in another.

The SDK's own controller, which runs in the child process of an isolated parent, hands on no more than this text. Its parts
stand in an order in which a reason that holds any of the separators is still read as it was: the name is known, and an
actor holds no colon.
"""

from __future__ import annotations

from runs.domain.status import NO_REASON
from runs.protocol.frames import AbortNote


def abort_text(action: str, note: AbortNote) -> str:
    """The message of the error that an aborted action raises in its parent, wherever the parent runs."""
    return f"Action {action} was aborted by {note.actor}: {note.reason or NO_REASON} ({note.cause})"


def parse_abort_text(action: str, text: str, *, requested_at: int) -> AbortNote | None:
    """The facts in `abort_text`, for a parent that gets no more than an error's message; None for any other text."""
    before, by, rest = text.partition(" was aborted by ")
    actor, colon, rest = rest.partition(": ")
    reason, bracket, cause = rest.rpartition(" (")
    if before != f"Action {action}" or not (by and colon and bracket and cause.endswith(")")):
        return None
    given = "" if reason == NO_REASON else reason
    return AbortNote(cause[:-1], actor, given, target="", requested_at=requested_at)
