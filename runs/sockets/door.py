"""The door of the pages' sockets: whose session a handshake has, what the socket takes, and whether that is still so.

Executors and workers bring tokens of their own (runs/sockets/frame_socket.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings

from runs.access import gate, sessions
from runs.access.rules import SOCKETS
from runs.domain.errors import Forbidden, Unauthenticated
from runs.domain.roles import Subject
from runs.protocol.constants import FORBIDDEN, SIGNED_OUT
from runs.store import database

# A session that has ended, or a role that was taken, ends the socket of an open page within this time.
CHECK_SECONDS = 15.0

FindProject = Callable[[], Awaitable[str | None]]


async def admit(scope: Any, route: str, find_project: FindProject) -> Subject:
    """Who opens this socket. Raises Unauthenticated, Forbidden, or what find_project raises.

    route: as the table of the gate has it; find_project: the project of what the socket shows, None for one that shows all.
    """
    if gate.is_open():
        return gate.local_subject()
    key = session_key(scope["headers"])
    visit = await database.read(sessions.find_visit, key) if key else None
    if visit is None:
        raise Unauthenticated("nobody is signed in, or the session has ended")
    gate.admit(visit.subject, SOCKETS.get(route), await find_project())
    return visit.subject


def session_key(headers: list[tuple[bytes, bytes]]) -> str:
    """The session's cookie of a handshake, or ""."""
    for name, value in headers:
        if name == b"cookie":
            try:
                cookie = SimpleCookie(value.decode("latin-1")).get(settings.SESSION_COOKIE_NAME)
            except CookieError:
                return ""
            return cookie.value if cookie else ""
    return ""


def close_code(error: Unauthenticated | Forbidden) -> int:
    return SIGNED_OUT if isinstance(error, Unauthenticated) else FORBIDDEN
