"""Random requests at every door: none is answered as an error of ours, none holds up the others, none stays in memory.

12,000 in the long form, on whichever database the tests have; a few hundred in the short one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from runs.models import Executor, Run
from runs.protocol.constants import FAILED
from tests.api.conftest import storage_folder
from tests.support import factories
from tests.support.fuzz import calls, links, pages
from tests.support.fuzz.sender import (
    MEGABYTE,
    NET_SECONDS,
    OURS,
    Costs,
    Errors,
    Request,
    measure_second,
    memory,
    send,
    watched,
)  # fmt: skip
from tests.support.long import IS_LONG, long_or_short
from tests.support.scene import Scene
from tests.support.showcase import make_everything

__all__ = ["storage_folder"]  # a fixture

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.long,
    pytest.mark.timeout(long_or_short(3600, 600)),
]
T = TypeVar("T")
HOST, ORIGIN = (b"host", b"localhost"), (b"origin", b"http://localhost:8000")
QUIET_SECONDS = 0.02
GROWTH = 50 * MEGABYTE
WARM = 0.2  # of the requests, after which memory is measured
CALLS, PAGES, PAGE_SOCKETS, LINKS = 3000, 4000, 1000, 1000  # calls twice


def draw(count: int, strategy: st.SearchStrategy[T]) -> list[T]:
    """So many in the long form; in the short one a fortieth, always the same. Before they are sent: drawing takes memory."""
    drawn: list[T] = []

    @hypothesis_settings(
        max_examples=long_or_short(count, count // 40),
        derandomize=not IS_LONG,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(one: T) -> None:
        drawn.append(one)

    keep()
    return drawn


class Attacker:
    """Sends on one event loop, and counts what it costs. known: names that there are."""

    def __init__(self, errors: Errors, costs: Costs) -> None:
        self._errors, self._costs = errors, costs
        self._second = measure_second()
        self.scene = Scene()
        self.run: Run = make_everything("run1")
        factories.make_log(self.run.actions.get(name="a0"), "one\n", "two\n")
        names = list(self.run.actions.values_list("name", flat=True))
        self.known = [
            "flytesnacks", "development", "flyteui", "run1", "a0", "1", "running", "trials", "sum", "env.main",
            self.scene.ref.name, str(self.scene.executor_id), settings.STORAGE_URL, f"{settings.STORAGE_URL}/x", *names[:6],
        ]  # fmt: skip

    def attack(self, drawn: list[T], how: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        """Send all; says which one was wrong, and how."""
        before = 0
        with asyncio.Runner() as runner:
            for number, one in enumerate(drawn):
                if number == int(len(drawn) * WARM):
                    before = memory()
                try:
                    runner.run(how(one))
                    assert self._errors.found == []
                    assert self._costs.step < self._second, "the event loop answered nobody else meanwhile"
                    assert self._costs.work < self._second, "a shared thread did nothing else meanwhile"
                except BaseException as error:
                    error.add_note(f"number {number}: {one!r}")
                    raise
        assert memory() - before < GROWTH


@pytest.fixture
def attacker(storage_folder: Any) -> Iterator[Attacker]:
    with watched() as (errors, costs):
        yield Attacker(errors, costs)


async def ask(request: Request) -> None:
    from flyteui.asgi import application

    answer = await send(application, request)

    assert answer.status or request.is_stream, "it was not answered"
    assert answer.status < 500 or answer.status in {501, 503}, answer.body[:500]
    assert answer.code(is_stream=request.is_stream) not in OURS, answer.body[:500]


@pytest.mark.parametrize("is_json", [True, False], ids=["json", "binary"])
def test_no_call_is_an_error_of_ours(attacker: Attacker, is_json: bool):
    attacker.attack(draw(CALLS, calls.calls(attacker.known, is_json=is_json)), ask)


def test_no_request_of_a_page_is_an_error_of_ours(attacker: Attacker):
    browser = Client()
    browser.force_login(User.objects.create_superuser("admin"))
    session = browser.cookies["sessionid"].value

    attacker.attack(draw(PAGES, pages.requests(attacker.known, session=session)), ask)


async def talk(conversation: tuple[str, list[str]]) -> None:
    from flyteui.asgi import application

    path, said = conversation
    socket = WebsocketCommunicator(application, path, [HOST, ORIGIN])
    is_open, _ = await socket.connect(timeout=NET_SECONDS)
    if is_open:
        for text in said:
            await socket.send_input({"type": "websocket.receive", "text": text})
        await socket.receive_nothing(QUIET_SECONDS, QUIET_SECONDS)  # it may draw a frame meanwhile
        # What follows is no message, so that all before it was read when the socket closes.
        await socket.send_to("no message")
        while (output := await socket.receive_output(NET_SECONDS))["type"] != "websocket.close":
            pass
        assert output["code"] != FAILED
    await socket.disconnect(timeout=NET_SECONDS)


def test_no_message_of_a_page_fails_its_feed(attacker: Attacker):
    paths = pages.socket_paths(attacker.known, attacker.run.pk)

    attacker.attack(draw(PAGE_SOCKETS, st.tuples(paths, pages.socket_messages(attacker.known))), talk)


def test_no_frame_of_an_executor_or_a_worker_fails_its_socket(attacker: Attacker):
    scene = attacker.scene

    async def link(conversation: links.Conversation) -> None:
        from flyteui.asgi import application

        executor = await Executor.objects.aget(pk=scene.executor_id)
        hello = scene.hello(scene.executor_id, executor.epoch)
        token = (b"authorization", f"Bearer {settings.EXECUTOR_TOKEN}".encode())
        socket = WebsocketCommunicator(application, conversation.path, [HOST, token])
        assert (await socket.connect(timeout=NET_SECONDS))[0]
        # With the last no frame begins, so that it closes.
        for data in [*conversation.frames(hello, executor.acked_seq), b"\xc1"]:
            await socket.send_input({"type": "websocket.receive", "bytes": data})
        while (output := await socket.receive_output(NET_SECONDS))["type"] != "websocket.close":
            pass
        assert output["code"] != FAILED
        await socket.disconnect(timeout=NET_SECONDS)

    attacker.attack(draw(LINKS, links.conversations(attacker.known, scene.run.pk)), link)
