"""Whether a server listens where this one is to listen, and whose. Commands ask before they change what a server uses."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

import platformdirs
from django.conf import settings
from django.core.management.base import CommandError

from runs.store import local_server

ASK_SECONDS = 2.0


def check_port_is_free() -> None:
    """Raise CommandError, with who it is and what to do, when somebody listens on the port already."""
    if problem := _find_problem():
        raise CommandError(f"cannot listen on {settings.HOST}:{settings.PORT} ({problem}). {_who_listens()}")


def check_no_server(why: str) -> None:
    """Raise CommandError when somebody listens there. why: what the server must not run beside, as a sentence."""
    if problem := _find_problem():
        raise CommandError(
            f"{why} Somebody listens on {settings.HOST}:{settings.PORT} ({problem}); if that is flyteui, stop it first, "
            "else name the port of the new server (FLYTEUI_PORT)"
        )


def note_server() -> None:
    """Remember, for this user, which home the server on this port has: who finds the port taken is told."""
    with suppress(OSError):  # a user without a folder of their own
        note = _note()
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(str(settings.HOME))


def _who_listens() -> str:
    another = f"Take another port: `flyteui up --port {settings.PORT + 1}` (FLYTEUI_PORT)"
    if not _is_flyteui():
        return f"That is another program than flyteui. {another}"
    with suppress(OSError):
        home = Path(_note().read_text())
        if home == settings.HOME:
            return f"flyteui runs there already with this home: open {settings.PUBLIC_URL}/, or stop it with Ctrl-C in its shell"
        return f"flyteui runs there already, with another home: {home}. Stop it, or take another port: `flyteui up --port {settings.PORT + 1}`"
    return f"flyteui runs there already, perhaps that of another user. {another}"


def _is_flyteui() -> bool:
    """Whether what listens answers as our health check does."""
    import httpx  # here, because it takes long to load and a port is seldom taken

    with suppress(httpx.HTTPError), local_server.client(ASK_SECONDS) as client:
        answer = client.get("/healthz")
        return (
            answer.status_code == httpx.codes.OK
            and answer.text == "ok\n"
            and "x-request-id" in answer.headers
        )
    return False


def _note() -> Path:
    return platformdirs.user_state_path("flyteui", appauthor=False) / "servers" / str(settings.PORT)


def _find_problem() -> str:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.HOST, settings.PORT))
        except OSError as error:
            return error.strerror or str(error)
    return ""
