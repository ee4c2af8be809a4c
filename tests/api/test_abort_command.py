"""`manage.py abort`, with and without a server."""

from __future__ import annotations

from io import StringIO
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from runs.models import Action
from runs.phases import Phase
from tests.factories import make_run

pytestmark = pytest.mark.django_db(transaction=True)


def abort(*arguments: str) -> str:
    told = StringIO()
    call_command("abort", *arguments, stdout=told)
    return told.getvalue()


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx, "post", refuse)


def test_without_a_server_the_request_is_kept(no_server: None) -> None:
    make_run("2", phase=Phase.RUNNING)

    told = abort("run1", "a0-1", "--reason", "too slow")

    action = Action.objects.select_related("abort").get(name="a0-1")
    assert action.abort is not None
    assert (action.abort.reason, action.abort.actor) == ("too slow", "manage.py abort")
    assert action.phase == Phase.RUNNING
    assert "No server listens" in told
    assert "is being aborted already" in abort("run1", "a0-1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("nope",), "there is no run 'nope'"), (("run1", "zz"), "zz"), (("Bad_Name",), "run name 'Bad_Name'")],
)
def test_what_is_not_there_is_named(no_server: None, arguments: tuple[str, ...], words: str) -> None:
    make_run()

    with pytest.raises(CommandError, match=words):
        abort(*arguments)


def test_a_running_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Any]] = []

    def answer(url: str, **said: Any) -> httpx.Response:
        asked.append((url, said["json"]))
        headers = {"x-flyteui-outcome": "already_ended", "x-flyteui-phase": "succeeded"}
        return httpx.Response(200, headers=headers, json={})

    monkeypatch.setattr(httpx, "post", answer)

    told = abort("run1", "--reason", "why")

    [(url, body)] = asked
    assert url.endswith("/flyteidl2.workflow.RunService/AbortRun")
    assert body["runId"] == {"project": "flytesnacks", "domain": "development", "name": "run1"}
    assert body["reason"] == "why"
    assert "had ended already (succeeded)" in told


def test_what_the_server_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = httpx.Response(404, json={"code": "not_found", "message": "there is no run 'x'"})
    monkeypatch.setattr(httpx, "post", lambda *args, **kwargs: refusal)

    with pytest.raises(CommandError, match="the server refused: there is no run 'x'"):
        abort("x")
