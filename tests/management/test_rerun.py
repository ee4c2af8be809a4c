"""`flyteui rerun`, with and without a server."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from flyteidl2.workflow import run_service_pb2

from runs.models import Run
from tests.support import factories
from tests.support.reruns import inputs, make_source
from tests.views.tasks.test_reruns import inputs_of

pytestmark = pytest.mark.django_db(transaction=True)


def rerun(*arguments: str) -> str:
    told = StringIO()
    call_command("rerun", *arguments, stdout=told)
    return told.getvalue()


@pytest.fixture(autouse=True)
def _source(settings: Any, tmp_path: Path) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"
    factories.make_project()
    make_source()


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx.Client, "send", refuse)


def test_without_a_server_the_run_is_recorded(no_server: None) -> None:
    told = rerun(
        "source", "--input", "steps=9", "--input", "name=a=b", "--env", "FAST=1", "--label", "by=hand", "--name", "second",
        "--overwrite-cache",
    )  # fmt: skip

    new = Run.objects.get(name="second")
    assert inputs_of(new) == inputs(name="a=b", lr=0.5, steps=9)
    assert new.envs == {"_F_SYS_PATH": ".", "MODE": "slow", "FAST": "1"}
    assert new.labels == {"team": "a", "by": "hand"}
    assert (new.relation, new.related_to and new.related_to.name) == ("rerun", "source")
    assert "/runs/second" in told
    assert "No server listens" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gone",), "there is no run 'gone'"),
        (("source", "nobody"), "no action 'nobody'"),
        (("source", "--input", "steps"), "--input 'steps' must be NAME=VALUE"),
        (("source", "--input", "steps=many"), r"input 'steps' \(int\): this must be an integer"),
        (("source", "--input", "width=1"), "there is no input 'width', only lr, name, steps"),
        (("source", "--name", "source"), "exists already"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_started(
    no_server: None, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        rerun(*arguments)

    assert Run.objects.count() == 1


def test_a_running_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[httpx.Request] = []

    def answer(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        asked.append(request)
        made = run_service_pb2.CreateRunResponse()
        run = made.run.action.id.run
        run.project, run.domain, run.name = "flytesnacks", "development", "made"
        return httpx.Response(200, content=made.SerializeToString())

    monkeypatch.setattr(httpx.Client, "send", answer)

    told = rerun("source", "--input", "lr=1", "--recover")

    [request] = asked
    sent = run_service_pb2.CreateRunRequest.FromString(request.content)
    assert str(request.url) == f"{django_settings.LOCAL_URL}/flyteidl2.workflow.RunService/CreateRun"
    assert sent.inputs == inputs(name="first", lr=1.0, steps=3)
    assert sent.run_spec.relation.related_to.name == "source"
    assert "Run made runs source again" in told
    assert Run.objects.count() == 1


def test_what_the_server_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = httpx.Response(403, json={"code": "permission_denied", "message": "it takes the role editor"})
    monkeypatch.setattr(httpx.Client, "send", lambda *_, **__: answer)

    with pytest.raises(CommandError, match="the server refused: it takes the role editor"):
        rerun("source")
