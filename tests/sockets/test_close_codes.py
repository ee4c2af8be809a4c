"""Close codes that can be sent, and that a page comes back after."""

from __future__ import annotations

import json
import re

import autobahn.twisted.websocket  # noqa: F401 -- it chooses Twisted, as Daphne does
import pytest
from autobahn.websocket.protocol import WebSocketProtocol
from django.template.loader import render_to_string

from runs.protocol.constants import (
    BAD_MESSAGE,
    FAILED,
    FOR_SCRIPTS,
    NO_HELLO,
    NOT_FOUND,
    SUPERSEDED,
    TRY_AGAIN,
)

OURS = [BAD_MESSAGE, NO_HELLO, NOT_FOUND, SUPERSEDED, FAILED, TRY_AGAIN]


class Sender(WebSocketProtocol):
    """The part of Daphne's socket that checks the code; nothing is behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[int | None] = []

    def sendCloseFrame(  # noqa: N802 -- autobahn's name
        self,
        code: int | None = None,
        reasonUtf8: bytes | None = None,  # noqa: N803
        isReply: bool = False,  # noqa: N803
    ) -> None:
        self.sent.append(code)


@pytest.mark.parametrize("code", OURS)
def test_daphne_can_send_the_code(code: int):
    """What it may not send raises there, and the socket stays open for ever."""
    protocol = Sender()

    protocol.sendClose(code)
    assert protocol.sent == [code]
    with pytest.raises(Exception, match="invalid close code"):
        protocol.sendClose(1011)


def meta(page: str, name: str) -> dict[str, object]:
    """The JSON of a meta tag."""
    found = re.search(rf"name=\"{name}\" content='([^']*)'", page)
    assert found is not None
    return json.loads(found[1])


def test_a_page_comes_back_after_a_failure_of_the_server():
    page = render_to_string("base.html")
    ws = meta(page, "htmx-config")["ws"]
    assert isinstance(ws, dict)

    assert FAILED in ws["reconnectCodes"]
    assert not {BAD_MESSAGE, NOT_FOUND} & set(ws["reconnectCodes"])
    assert meta(page, "page-constants") == {**FOR_SCRIPTS, "reconnectCodes": ws["reconnectCodes"]}
