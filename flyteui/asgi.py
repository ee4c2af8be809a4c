"""Where each connection goes. Routing only."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flyteui.settings")
django_application = get_asgi_application()

# These import models, so Django must be set up before.
from runs.api import uploads  # noqa: E402
from runs.api.asgi import application as connect_application  # noqa: E402
from runs.consumers.executors import ExecutorConsumer, WorkerConsumer  # noqa: E402
from runs.consumers.pages import RunConsumer, RunsConsumer  # noqa: E402

Application = Callable[[Any, Any, Any], Awaitable[None]]

# The package of every Connect service, whose name follows; and the signed addresses that clients upload to.
CONNECT_PREFIXES = ("/flyteidl2.", "/upload/")


async def http(scope: Any, receive: Any, send: Any) -> None:
    """Connect services and pages share the port."""
    application: Any = connect_application if scope["path"].startswith(CONNECT_PREFIXES) else django_application
    await application(scope, receive, send)


# A browser sends Origin, and any page may open a socket to us: so only our own pages may. Executors and workers send
# none, they bring a token.
pages = AllowedHostsOriginValidator(
    URLRouter(
        [
            path("ws/run/<int:run_id>/", RunConsumer.as_asgi()),
            path("ws/runs/<str:project>/<str:domain>/", RunsConsumer.as_asgi()),
        ]
    )
)
application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": URLRouter(
            [
                path("ws/executor/", ExecutorConsumer.as_asgi()),
                path("ws/worker/", WorkerConsumer.as_asgi()),
                re_path(r"", pages),
            ]
        ),
    }
)
