"""IdentityService, and the actor of a request.

Where nobody signs in, everybody is the user who runs the server. A tool may say on whose behalf it asks, in a header; the
name is shown as text and gives no rights.
"""

from __future__ import annotations

from typing import Any

from connectrpc.request import RequestContext
from flyteidl2.auth import identity_connect, identity_pb2

from runs.api.door import subject_of


def actor_of(ctx: RequestContext[Any, Any]) -> str:
    """Who asks, as recorded with aborts and signals."""
    return subject_of(ctx).actor


def owner_of(ctx: RequestContext[Any, Any]) -> str:
    """Whose a run or a task is that this call makes."""
    return subject_of(ctx).owner


class Identity(identity_connect.IdentityService):
    """`flyte whoami` and `--only-mine`, which compares `subject` with the owners of runs."""

    async def user_info(
        self, request: identity_pb2.UserInfoRequest, ctx: RequestContext[Any, Any]
    ) -> identity_pb2.UserInfoResponse:
        subject = subject_of(ctx)
        name = subject.owner if subject.owner != subject.id else subject.name
        return identity_pb2.UserInfoResponse(
            subject=subject.owner, name=name, preferred_username=subject.owner
        )
