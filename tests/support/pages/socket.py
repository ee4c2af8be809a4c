"""Between a page and the server of its run: hears what both say, may cut, refuse or change it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

Message = dict[str, Any]
RESTARTING = 1012


class Wire:
    """The socket of a page, from before it is opened."""

    def __init__(
        self, page: Page, change: Callable[[Message], Message | None] = lambda message: message
    ) -> None:
        """change: what the page hears in place of a message of the server, or None to cut the connection."""
        self.sockets: list[WebSocketRoute] = []
        self.said: list[Message] = []
        """By the page."""
        self.heard: list[Message] = []
        """From the server, before it was changed."""
        self.is_open = True
        self._change = change
        page.route_web_socket(re.compile("/ws/run/"), self._listen)

    @property
    def hellos(self) -> list[Message]:
        return [message for message in self.said if message["kind"] == "hello"]

    def cut(self) -> None:
        self.sockets[-1].close(code=RESTARTING)

    def _listen(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        if not self.is_open:
            socket.close(code=RESTARTING)
            return
        server = socket.connect_to_server()

        def up(message: str | bytes) -> None:
            self.said.append(json.loads(message))
            server.send(message)

        def down(message: str | bytes) -> None:
            self.heard.append(json.loads(message))
            changed = self._change(self.heard[-1])
            if changed is None:
                socket.close(code=RESTARTING)
            else:
                socket.send(json.dumps(changed))

        socket.on_message(up)
        server.on_message(down)
