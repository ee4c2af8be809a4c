"""The web process: Daphne, with an end that it always reaches. `python -m flyteui.web` takes Daphne's arguments.

Daphne 4.2 looks for the application of each connection when it stops. Where there is none (for a second after each upgrade to a
WebSocket) it fails with a KeyError and cancels nothing. Coroutines that are left then crash the interpreter's exit; or a thread
that answers a request waits for a loop that has stopped, and the exit waits for that thread, for ever.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from io import BytesIO
from typing import Any

import daphne.server
from daphne.cli import CommandLineInterface
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from flyteui.connections import BoundedFactory, BoundedRequest
from flyteui.logs import write_in_thread
from flyteui.middleware.bodies import SCOPE_KEY, ReadsBodies
from flyteui.tls import CertificateFiles, TLSFactory
from runs.protocol.bounds import MAX_FRAME_BYTES
from runs.protocol.constants import HEARTBEAT_FD

PAGE_BYTES = 256 * 1024  # a page says what it looks at, and which rows it has opened
OWN_DESCRIPTORS = 256  # of files, the database and what else is open beside connections
BEAT_SECONDS = 1.0
INTERFACE = re.compile(r":interface=((?:[^:\\]|\\:)+)")
# `flyteui up` gives a process that was asked to stop 1.2 s before it kills it.
STOP_SECONDS = 0.8


class WebServer(Server):  # type: ignore[misc]  # untyped
    """Keeps house from its start; cancels everything at its end, whatever state the connections are in."""

    housekeeping: asyncio.Task[None]
    heartbeats: asyncio.Task[None]
    max_connections: int

    def __init__(self, application: Any, **options: Any) -> None:
        super().__init__(ReadsBodies(application), **options)
        self.sockets: set[WebSocketProtocol] = set()

    def protocol_connected(self, protocol: Any) -> None:
        super().protocol_connected(protocol)
        if isinstance(protocol, WebSocketProtocol):
            self.sockets.add(protocol)
            limit_frames(protocol)

    def protocol_disconnected(self, protocol: Any) -> None:
        super().protocol_disconnected(protocol)
        self.sockets.discard(protocol)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        if isinstance(protocol, BoundedRequest) and protocol.stored:
            # Daphne would put all of it into the application's queue; ReadsBodies reads it from the file.
            scope[SCOPE_KEY], protocol.content = protocol.content, BytesIO()
        return super().create_application(protocol, scope)

    def run(self) -> None:
        # Django is set up by the application that the command line names.
        from django.conf import settings

        refuse_exposed_endpoints(self.endpoints)
        from runs.domain.errors import Conflict
        from runs.store import schema

        try:
            schema.check_not_newer()
        except Conflict as error:
            sys.exit(error.message)
        write_in_thread()
        self.max_connections = min(settings.MAX_CONNECTIONS, raise_descriptor_limit() - OWN_DESCRIPTORS)
        # Daphne has no other place for it.
        daphne.server.HTTPFactory = make_factory
        reactor.callWhenRunning(self.start_housekeeping)
        super().run()

    def start_housekeeping(self) -> None:
        """Begin what runs by the clock: no request and no worker has to come first (Daphne knows no lifespan)."""
        # It imports models, and Django is set up by the application that the command line names.
        from runs.live.housekeeping import Housekeeper

        loop = asyncio.get_event_loop()
        self.housekeeping = loop.create_task(Housekeeper().run(), name="housekeeping")
        if fd := os.environ.pop(HEARTBEAT_FD, ""):
            self.heartbeats = loop.create_task(beat(int(fd)), name="heartbeats")

    def kill_all_applications(self) -> Any:
        """Cancel every task, as asyncio.run does: applications, and the feeds of pages; the reactor stops afterwards."""
        tasks = asyncio.all_tasks(asyncio.get_event_loop())
        for task in tasks:
            task.cancel()
        return Deferred.fromFuture(asyncio.ensure_future(wait_for(tasks)))


def refuse_exposed_endpoints(endpoints: list[str]) -> None:
    """Daphne's arguments say where it listens; the settings have been checked already. endpoints: as Twisted writes them."""
    from runs.access.checks import refuse_exposure

    for endpoint in endpoints:
        if match := INTERFACE.search(endpoint):
            refuse_exposure(match[1].replace("\\:", ":"))


def make_factory(server: WebServer) -> Any:
    """What makes the protocol of each connection: HTTP with its bounds, inside of TLS if there is a certificate."""
    from django.conf import settings

    factory = BoundedFactory(server)
    if not settings.TLS_CERT:
        return factory
    return TLSFactory(CertificateFiles(settings.TLS_CERT, settings.TLS_KEY), factory)


def limit_frames(protocol: Any) -> None:
    """Give each kind of socket its own limit for what its peer sends; Daphne has one for all. A peer that exceeds it gets close code 1009, not a cut.

    autobahn holds what we send to it, too, and 300 rows with their inputs and errors are more: each frame would fail, for ever.
    """
    is_link = protocol.http_request_path in {"/ws/executor/", "/ws/worker/"}
    protocol.maxMessagePayloadSize = protocol.maxFramePayloadSize = MAX_FRAME_BYTES if is_link else PAGE_BYTES
    protocol.failByDrop = False
    protocol.sendMessage = partial(send_unlimited, protocol, protocol.sendMessage)


def send_unlimited(protocol: Any, send: Callable[..., None], *message: Any, **options: Any) -> None:
    """What we send has the bounds of who composes it. Nothing is received meanwhile."""
    limit, protocol.maxMessagePayloadSize = protocol.maxMessagePayloadSize, 0
    try:
        send(*message, **options)
    finally:
        protocol.maxMessagePayloadSize = limit


def raise_descriptor_limit() -> int:
    """Take as many open files as the system allows; returns how many that is."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most if most != resource.RLIM_INFINITY else sys.maxsize


async def beat(fd: int) -> None:
    """Show the supervisor that this loop turns, until the supervisor is gone."""
    os.set_inheritable(fd, False)
    os.set_blocking(fd, False)
    with suppress(BrokenPipeError):
        while True:
            with suppress(BlockingIOError):  # it does not read, and will find enough when it does
                os.write(fd, b".")
            await asyncio.sleep(BEAT_SECONDS)


async def wait_for(tasks: set[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_SECONDS)


class WebCommand(CommandLineInterface):  # type: ignore[misc]  # untyped
    """Daphne's command line."""

    server_class = WebServer


def main() -> None:
    WebCommand().run(sys.argv[1:])
    logging.shutdown()
    # An ordinary exit would wait for threads that work for somebody who is gone: one may wait 20 s for the database, or for
    # ever for the loop. Nothing is lost that `kill -9` would not lose: what was answered is in the database.
    os._exit(0)


if __name__ == "__main__":
    main()
