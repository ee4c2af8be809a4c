"""The error that an aborted child raises in its parent. It uses the public part of the SDK only, so every version has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import flyte.errors

from runs.protocol.abort_texts import abort_text
from runs.protocol.frames import AbortNote


class ActionAbortedError(flyte.errors.ActionAbortedError):
    """Raised in the parent of an aborted child: who requested the abort, why, when, and with which cause."""

    def __init__(self, action: str, note: AbortNote) -> None:
        super().__init__(abort_text(action, note))
        self.action = action
        self.actor = note.actor
        self.reason = note.reason
        self.cause = note.cause
        self.requested_at = datetime.fromtimestamp(note.requested_at / 1e6, tz=UTC)

    def __reduce__(self) -> tuple[Any, ...]:
        # Whoever unpickles this may not have flyteui, so it comes back as the SDK's own class, with the same attributes.
        return flyte.errors.ActionAbortedError, (str(self),), self.__dict__


# In tracebacks and logs it is what the user catches.
ActionAbortedError.__module__ = "flyte.errors"
