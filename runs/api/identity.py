"""IdentityService, and who a request counts as.

There is no login: the server listens on loopback and trusts its machine, so everybody is the user who runs it. A tool
may say on whose behalf it asks, in a header; the name is shown as text and gives no rights.
"""

from __future__ import annotations

import getpass
from functools import cache
from typing import Any

from connectrpc.request import RequestContext
from flyteidl2.auth import identity_connect, identity_pb2

ACTOR_HEADER = "x-flyteui-actor"
MAX_ACTOR = 255


@cache
def server_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def actor_of(ctx: RequestContext[Any, Any]) -> str:
    """Who asks, as recorded with runs and aborts."""
    said = ctx.request_headers().get(ACTOR_HEADER, "").strip()
    return said[:MAX_ACTOR] if said.isprintable() and said else server_user()


class Identity(identity_connect.IdentityService):
    """`flyte whoami` and `--only-mine`."""

    async def user_info(
        self, request: identity_pb2.UserInfoRequest, ctx: RequestContext[Any, Any]
    ) -> identity_pb2.UserInfoResponse:
        name = actor_of(ctx)
        return identity_pb2.UserInfoResponse(subject=name, name=name, preferred_username=name)
