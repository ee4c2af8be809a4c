"""Errors of the product, by cause. Adapters map each class to an HTTP status, a Connect code or a close code."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runs.domain.phases import Phase
    from runs.domain.roles import Role


class FlyteUIError(Exception):
    """Something went wrong in flyteui."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def message(self) -> str:
        return str(self.args[0])


class NotFound(FlyteUIError):
    """There is no such thing."""


class Conflict(FlyteUIError):
    """The state of things does not allow this."""


class AlreadyExists(Conflict):
    """A thing of this name exists already."""


class RunEnded(Conflict):
    """The run or the parent has ended or is being aborted, so nothing new starts in it."""


class StaleTransition(Conflict):
    """Somebody else moved the action first."""

    def __init__(self, message: str, current: Phase) -> None:
        super().__init__(message)
        self.current = current


class Invalid(FlyteUIError):
    """The request is not valid."""


class ForbiddenTransition(Invalid):
    """The phase table does not allow this move: a bug of the caller."""


class ExecutorError(FlyteUIError):
    """An executor did something that it must not do."""


class LeaseLost(ExecutorError):
    """The lease belongs to somebody else now."""


class Unauthenticated(FlyteUIError):
    """The token or the signature is not valid."""


class Forbidden(FlyteUIError):
    """Whoever asks has not the role for it."""

    def __init__(self, who: str, role: Role, project: str | None) -> None:
        where = f"in project {project!r}" if project is not None else "in all projects"
        super().__init__(f"this takes the role {role.label} {where}, which {who} does not have")
        self.role = role
        self.project = project


class Unavailable(FlyteUIError):
    """The service cannot answer now; try again."""
