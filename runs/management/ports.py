"""Whether a server listens where this one is to listen. Commands ask before they change what a server uses."""

from __future__ import annotations

import socket

from django.conf import settings
from django.core.management.base import CommandError


def check_port_is_free() -> None:
    """Raise CommandError, with advice, when somebody listens on the port of `manage.py up` already."""
    if problem := _find_problem():
        raise CommandError(
            f"cannot listen on {settings.HOST}:{settings.PORT} ({problem}). Is flyteui running there already? "
            "Another port: FLYTEUI_PORT=8001 make up"
        )


def check_no_server(why: str) -> None:
    """Raise CommandError when somebody listens there. why: what the server must not run beside, as a sentence."""
    if problem := _find_problem():
        raise CommandError(
            f"{why} Somebody listens on {settings.HOST}:{settings.PORT} ({problem}); if that is flyteui, stop it first, "
            "else name the port of the new server (FLYTEUI_PORT)"
        )


def _find_problem() -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.HOST, settings.PORT))
        except OSError as error:
            return error.strerror or str(error)
    return ""
