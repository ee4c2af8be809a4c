"""The ASGI application: routes each connection to Django, the Connect API or a socket."""

from __future__ import annotations

import os
from typing import Any

from channels.consumer import AsyncConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

from flyteui.middleware.border import NoNUL, NoSuchSocket, PageSockets
from flyteui.middleware.proxies import TrustedProxies
from flyteui.middleware.requests import RequestIDs
from flyteui.middleware.security import CallHeaders

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flyteui.settings")
django_application = get_asgi_application()

# These import models, so Django must be set up before.
from runs.access.checks import refuse_exposure  # noqa: E402
from runs.api.asgi import application as connect_application  # noqa: E402
from runs.sockets.executors import ExecutorConsumer  # noqa: E402
from runs.sockets.pages import (  # noqa: E402
    ExecutorListConsumer,
    GraphConsumer,
    RunConsumer,
    RunListConsumer,
    RunLogConsumer,
    TableConsumer,
    TaskConsumer,
    WaitingConsumer,
)
from runs.sockets.workers import WorkerConsumer  # noqa: E402

# Whatever serves this application: it must not be open to everybody.
refuse_exposure()

# The package of every Connect service, whose name follows; and the signed addresses of uploads and downloads.
CONNECT_PREFIXES = ("/flyteidl2.", "/upload/", "/download/")
call_application = CallHeaders(connect_application)


async def http(scope: Any, receive: Any, send: Any) -> None:
    """Connect services and pages share the port."""
    application: Any = call_application if scope["path"].startswith(CONNECT_PREFIXES) else django_application
    await application(scope, receive, send)


def route(pattern: str, consumer: type[AsyncConsumer]) -> Any:
    """Django's path, which is typed for views, used as Channels documents it."""
    application: Any = consumer.as_asgi()
    return path(pattern, application)


def everything_else(application: Any) -> Any:
    return re_path("", application)


NO_SUCH_SOCKET: Any = NoSuchSocket.as_asgi()


# Executors and workers bring a token; pages are known by their origin.
pages = PageSockets(
    URLRouter(
        [
            *(
                route(consumer.route, consumer)
                for consumer in (
                    RunConsumer,
                    RunLogConsumer,
                    GraphConsumer,
                    TableConsumer,
                    TaskConsumer,
                    ExecutorListConsumer,
                    RunListConsumer,
                    WaitingConsumer,
                )
            ),
            everything_else(NO_SUCH_SOCKET),
        ]
    ),
    most=settings.MAX_SOCKETS,
    public_url=settings.PUBLIC_URL,
    allowed_hosts=settings.ALLOWED_HOSTS,
)
application = TrustedProxies(
    ProtocolTypeRouter(
        {
            "http": RequestIDs(NoNUL(http)),
            "websocket": URLRouter(
                [
                    route("ws/executor/", ExecutorConsumer),
                    route("ws/worker/", WorkerConsumer),
                    everything_else(pages),
                ]
            ),
        }
    ),
    settings.TRUSTED_PROXIES,
    is_secure=bool(settings.TLS_CERT),
)
