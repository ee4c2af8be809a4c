"""The web process as such: that it ends when it is told to."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import CloseCode
from websockets.sync.client import connect
from websockets.typing import Origin

from flyteui.web import PAGE_BYTES
from runs.executor.link.config import authorization
from runs.protocol.bounds import MAX_FRAME_BYTES
from tests.support import plain_http
from tests.support.pages.states import RUNS
from tests.support.server.commands import locked, manage
from tests.support.server.parts import Parts, let_pass, web_without_worker
from tests.support.server.server import Server, wait_until


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Parts]:
    """A web process and no worker."""
    with web_without_worker(tmp_path) as parts:
        yield parts


LATE = """
from datetime import timedelta
from django.utils import timezone
from runs.models import Action
from tests.support.scene import Scene
Scene()
late = timezone.now() + timedelta(seconds=1)
Action.objects.update(due_at=late, deadline_at=late)
"""


def test_a_deadline_passes_without_a_worker_or_a_request(web: Parts):
    manage(web, "shell", "-v", "0", "-c", LATE)

    ended = "SELECT error_code FROM runs_action WHERE phase = 8"
    (action,) = wait_until(lambda: web.query(ended), "the deadline passes", 20)

    assert action["error_code"] == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize(
    ("path", "limit"), [("/ws/executor/", MAX_FRAME_BYTES), ("/ws/executors/", PAGE_BYTES)]
)
def test_a_frame_that_is_too_long_is_refused_and_says_so(web: Parts, path: str, limit: int):
    """With 1009, so that who has sent it knows that it must send less; a link that is cut says nothing."""
    token = authorization((web.home / ".executor_token").read_text())
    with connect(
        f"ws://127.0.0.1:{web.port}{path}", origin=Origin(web.url), additional_headers=token
    ) as socket:
        socket.send(b" " * (limit + 1))

        with pytest.raises(ConnectionClosedError) as closed:
            deque(socket, maxlen=0)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CloseCode.MESSAGE_TOO_BIG


def test_a_peer_without_the_token_sends_no_frame(web: Parts):
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{web.port}/ws/executor/", origin=Origin(web.url))

    assert refused.value.response.status_code == httpx.codes.FORBIDDEN


def test_it_ends_in_order_though_a_page_has_just_connected(web: Parts):
    assert web.web is not None
    with connect(f"ws://127.0.0.1:{web.port}/ws/executors/", origin=Origin(web.url)):
        web.web.terminate()

        assert web.web.wait(20) == 0


def test_it_ends_in_order_though_a_request_waits_for_the_database(web: Parts):
    assert web.web is not None
    manage(
        web, "shell", "-v", "0", "-c", "from tests.support.showcase import make_everything as m; m('scene')"
    )
    with plain_http.Client(base_url=f"{web.url}{RUNS}/scene", timeout=180) as client:
        client.get("/aborts/preview", params={"phase": "running"}).raise_for_status()
        with locked(web):
            asking = threading.Thread(target=ask_for_abort, args=[client, web])
            asking.start()
            let_pass(0.5)  # until the request waits; before that, it is one that runs

            web.web.terminate()

            assert web.web.wait(15) == 0, "it waits neither for the lock nor for the thread that does"
        asking.join(20)


def ask_for_abort(client: httpx.Client, server: Server) -> None:
    form = {"action": "a0-trial0", "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    with suppress(httpx.HTTPError):  # it is cut off
        client.post("/abort", data=form, headers={"referer": f"{server.url}{RUNS}"})
