"""Where each connection goes. Routing only."""

from __future__ import annotations

import os
from typing import Any

from channels.consumer import AsyncConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

from flyteui.requests import RequestIDs

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flyteui.settings")
django_application = get_asgi_application()

# These import models, so Django must be set up before.
from runs.api.asgi import application as connect_application  # noqa: E402
from runs.consumers.executors import ExecutorConsumer, WorkerConsumer  # noqa: E402
from runs.consumers.pages import FleetConsumer, RunConsumer, RunsConsumer  # noqa: E402

# The package of every Connect service, whose name follows; and the signed addresses that clients upload to.
CONNECT_PREFIXES = ("/flyteidl2.", "/upload/")


async def http(scope: Any, receive: Any, send: Any) -> None:
    """Connect services and pages share the port."""
    application: Any = (
        connect_application if scope["path"].startswith(CONNECT_PREFIXES) else django_application
    )
    await application(scope, receive, send)


def route(pattern: str, consumer: type[AsyncConsumer]) -> Any:
    """Django's path, which is typed for views, used as Channels documents it."""
    application: Any = consumer.as_asgi()
    return path(pattern, application)


def everything_else(application: Any) -> Any:
    return re_path("", application)


# A browser sends Origin, and any page may open a socket to us: so only our own pages may. Executors and workers send
# none, they bring a token.
pages = AllowedHostsOriginValidator(
    URLRouter(
        [
            route("ws/run/<int:run_id>/", RunConsumer),
            route("ws/executors/", FleetConsumer),
            route("ws/runs/<str:project>/<str:domain>/", RunsConsumer),
        ]
    )
)
application = ProtocolTypeRouter(
    {
        "http": RequestIDs(http),
        "websocket": URLRouter(
            [
                route("ws/executor/", ExecutorConsumer),
                route("ws/worker/", WorkerConsumer),
                everything_else(pages),
            ]
        ),
    }
)
