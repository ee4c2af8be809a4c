"""Close codes that can be sent, and that a page comes back after."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from autobahn.websocket.protocol import WebSocketProtocol

from runs.consumers import executors, pages

ROOT = Path(__file__).resolve().parents[2]
OURS = [
    executors.BAD_TOKEN, executors.SUPERSEDED, executors.BAD_FRAME, executors.FAILED, executors.TRY_AGAIN,
    pages.BAD_MESSAGE, pages.NOT_FOUND, pages.INTERNAL_ERROR,
]  # fmt: skip


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


def test_a_page_comes_back_after_a_failure_of_the_server():
    config = re.search(r"name=\"htmx-config\" content='([^']*)'", (ROOT / "templates/base.html").read_text())
    assert config is not None
    reconnected = json.loads(config[1])["ws"]["reconnectCodes"]
    script = re.search(r"RETRIED = (\[[^]]*\])", (ROOT / "static/js/live.js").read_text())
    assert script is not None

    assert pages.INTERNAL_ERROR in reconnected
    assert json.loads(script[1]) == reconnected
    assert not {pages.BAD_MESSAGE, pages.NOT_FOUND} & set(reconnected)
