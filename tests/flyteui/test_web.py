"""The limits of sockets are of what a peer sends, not of what we do."""

from __future__ import annotations

import pytest
from autobahn.websocket.protocol import TrafficStats
from daphne.ws_protocol import WebSocketProtocol

from flyteui.web import PAGE_BYTES, limit_frames
from runs.protocol.bounds import MAX_FRAME_BYTES


@pytest.mark.parametrize(("path", "limit"), [("/ws/run/1/", PAGE_BYTES), ("/ws/executor/", MAX_FRAME_BYTES)])
def test_a_frame_may_be_longer_than_what_a_page_may_send(path: str, limit: int):
    sent = []
    protocol = WebSocketProtocol()
    protocol.http_request_path, protocol.state = path, WebSocketProtocol.STATE_OPEN
    protocol.autoFragmentSize, protocol.trafficStats, protocol._perMessageCompress = 0, TrafficStats(), None
    protocol.trackedTimings = None
    protocol.sendFrame = lambda payload, **_: sent.append(len(payload))
    limit_frames(protocol)

    protocol.sendMessage(b"x" * (limit + 1), False)

    assert sent == [limit + 1]
    assert protocol.maxMessagePayloadSize == limit
