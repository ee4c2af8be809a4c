"""The doors of the sockets: pages by session, executors and workers by tokens of their own."""

from __future__ import annotations

from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings

from runs.access import tokens
from runs.domain.roles import Role
from runs.models import Member, Run
from runs.protocol import frames
from runs.protocol.constants import BAD_MESSAGE, FORBIDDEN, SIGNED_OUT
from runs.sockets import door
from tests.access.conftest import browser_of
from tests.sockets.test_pages import HEADERS, SECONDS, Browser
from tests.support import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("signing_in")]


@pytest.fixture
async def run(signing_in: None) -> Run:
    return await sync_to_async(factories.make_run)("3")


async def headers_of(name: str, role: Role, project: str | None = "flytesnacks") -> list[tuple[bytes, bytes]]:
    client = await sync_to_async(browser_of)(name, role, project)
    return [*HEADERS, (b"cookie", client.cookies.output(header="", sep=";").strip().encode())]


async def close_code(path: str, headers: list[tuple[bytes, bytes]]) -> int:
    page = Browser(path, headers)
    await page.connect(timeout=SECONDS)
    return await page.closed_with()


@pytest.mark.parametrize(
    "path",
    [
        "/ws/run/{}/", "/ws/run/{}/graph/", "/ws/run/{}/table/", "/ws/tasks/flytesnacks/development/env.train/",
        "/ws/runs/flytesnacks/development/", "/ws/executors/",
    ],
)  # fmt: skip
async def test_a_page_without_a_session_is_told_that_nobody_is_signed_in(run: Run, path: str):
    assert await close_code(path.format(run.pk), HEADERS) == SIGNED_OUT
    broken = [*HEADERS, (b"cookie", b"sessionid=nonsense; =; \xff")]
    assert await close_code(path.format(run.pk), broken) == SIGNED_OUT


async def test_a_run_of_another_project_is_forbidden_whatever_the_address(run: Run):
    headers = await headers_of("ada", Role.ADMIN, "other")

    for part in ("", "graph/", "table/"):
        assert await close_code(f"/ws/run/{run.pk}/{part}", headers) == FORBIDDEN
    assert await close_code("/ws/tasks/flytesnacks/development/env.train/", headers) == FORBIDDEN
    assert await close_code("/ws/runs/flytesnacks/development/", headers) == FORBIDDEN
    assert await close_code("/ws/executors/", headers) == FORBIDDEN


@pytest.mark.parametrize(("role", "has_buttons"), [(Role.VIEWER, False), (Role.OPERATOR, True)])
async def test_frames_have_controls_only_for_whoever_may_use_them(run: Run, role: Role, has_buttons: bool):
    page = await Browser(f"/ws/run/{run.pk}/", await headers_of("ada", role)).open()

    content = (await page.frame())["content"]

    assert content.count('role="row"') == 4
    assert ("data-abort" in content) is has_buttons
    assert ("checkbox" in content) is has_buttons
    await page.disconnect()


async def test_an_open_page_is_closed_when_its_reader_has_not_the_role_any_more(run: Run, monkeypatch):
    monkeypatch.setattr(door, "CHECK_SECONDS", 0.05)
    page = await Browser(f"/ws/run/{run.pk}/", await headers_of("ada", Role.VIEWER)).open()
    await page.frame()

    await Member.objects.all().adelete()

    while (output := await page.receive_output(timeout=SECONDS))["type"] != "websocket.close":
        pass
    assert output["code"] == FORBIDDEN


def peer(path: str, token: str) -> WebsocketCommunicator:
    from flyteui.asgi import application

    return WebsocketCommunicator(application, path, [(b"authorization", f"Bearer {token}".encode())])


async def opens(path: str, token: str) -> bool:
    socket = peer(path, token)
    is_open, _ = await socket.connect(timeout=SECONDS)
    await socket.disconnect()
    return is_open


async def test_a_workers_token_opens_no_socket_of_an_executor_nor_the_other_way_round(signing_in: None):
    executor = tokens.sign_executor(uuid4())

    assert await opens("/ws/worker/", settings.EXECUTOR_TOKEN)
    assert not await opens("/ws/executor/", settings.EXECUTOR_TOKEN)
    assert await opens("/ws/executor/", executor)
    assert not await opens("/ws/worker/", executor)
    assert not await opens("/ws/executor/", executor[:-1])


async def test_an_executor_speaks_for_itself_only(signing_in: None):
    mine, another = uuid4(), uuid4()
    socket = peer("/ws/executor/", tokens.sign_executor(mine))
    await socket.connect(timeout=SECONDS)

    hello = frames.Hello(str(another), "f00d" * 16, 0, "host", 1, 10)
    await socket.send_to(bytes_data=frames.encode(hello))

    output = await socket.receive_output(timeout=SECONDS)
    assert (output["type"], output["code"]) == ("websocket.close", BAD_MESSAGE)
