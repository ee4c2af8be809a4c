"""`flyteui abort`, with and without a server."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from runs.domain.phases import Phase
from runs.models import Action
from tests.support.factories import make_run

pytestmark = pytest.mark.django_db(transaction=True)


def abort(*arguments: str) -> str:
    told = StringIO()
    call_command("abort", *arguments, stdout=told)
    return told.getvalue()


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(httpx.Client, "send", refuse)


def test_without_a_server_the_request_is_kept(no_server: None) -> None:
    make_run("2", phase=Phase.RUNNING)

    told = abort("run1", "a0-1", "--reason", "too slow")

    action = Action.objects.select_related("abort").get(name="a0-1")
    assert action.abort is not None
    assert (action.abort.reason, action.abort.actor) == ("too slow", "flyteui abort")
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
    asked: list[httpx.Request] = []

    def answer(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        asked.append(request)
        headers = {"x-flyteui-outcome": "already_ended", "x-flyteui-phase": "succeeded"}
        return httpx.Response(200, headers=headers, json={})

    monkeypatch.setattr(httpx.Client, "send", answer)

    told = abort("run1", "--reason", "why")

    [request] = asked
    body = json.loads(request.content)
    assert str(request.url) == f"{settings.LOCAL_URL}/flyteidl2.workflow.RunService/AbortRun"
    assert body["runId"] == {"project": "flytesnacks", "domain": "development", "name": "run1"}
    assert body["reason"] == "why"
    assert "had ended already (succeeded)" in told


def test_what_is_beside_is_reached_without_the_action_and_what_is_elsewhere(no_server: None) -> None:
    make_run("2x3", phase=Phase.RUNNING)

    abort("run1", "--beside", "a0-1-0", "--reason", "its sibling failed")

    asked = Action.objects.filter(abort__isnull=False).order_by("name")
    assert [action.name for action in asked] == ["a0-1-1", "a0-1-2"]
    assert {action.abort.reason for action in asked if action.abort} == {"its sibling failed"}


def test_force_is_said_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def answer(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        said.append(request.headers["x-flyteui-force"])
        return httpx.Response(200, headers={"x-flyteui-outcome": "forced"}, json={})

    monkeypatch.setattr(httpx.Client, "send", answer)

    assert "without its grace periods" in abort("run1", "a0-1", "--force")
    abort("run1", "a0-1")

    assert said == ["1", "0"]


def test_force_is_kept_without_a_server(no_server: None) -> None:
    make_run("2", phase=Phase.RUNNING)
    abort("run1", "a0-1")

    told = abort("run1", "a0-1", "--force")

    assert Action.objects.get(name="a0-1").forced_at is not None
    assert Action.objects.get(name="a0-0").forced_at is None
    assert "without its grace periods. No server listens" in told


def test_what_the_server_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = httpx.Response(404, json={"code": "not_found", "message": "there is no run 'x'"})
    monkeypatch.setattr(httpx.Client, "send", lambda *args, **kwargs: refusal)

    with pytest.raises(CommandError, match="the server refused: there is no run 'x'"):
        abort("x")


@pytest.mark.parametrize(
    ("arguments", "reached"),
    [
        (("--subtree", "a0-1"), 4),
        (("--phase", "running"), 8),
        (("--group", "trials"), 4),
        (("--beside", "a0-1"), 4),
        (("--beside", "a0-1-0"), 2),
    ],
)
def test_many_are_kept_without_a_server(no_server: None, arguments: tuple[str, ...], reached: int) -> None:
    make_run("2x3")
    Action.objects.filter(name="a0-0").update(group="trials")

    first, second = abort("run1", *arguments), abort("run1", *arguments)

    assert f"it reaches {reached}, of which 0 stopped at once; 0 had finished" in first
    assert "No server listens" in first
    assert f"reaches 0, of which 0 stopped at once; 0 had finished, {reached} were being aborted" in second
    assert Action.objects.filter(abort__actor="flyteui abort").count() == reached


@pytest.mark.parametrize(
    ("arguments", "running"),
    [
        ((), 9),
        (("a0-1",), 4),
        (("--subtree", "a0-1"), 4),
        (("--phase", "running"), 8),
        (("--beside", "a0-1-0"), 2),
    ],
)
def test_a_dry_run_says_what_would_stop_and_changes_nothing(arguments: tuple[str, ...], running: int) -> None:
    make_run("2x3")

    told = abort("run1", *arguments, "--dry-run")

    assert f"would stop {running} running and 0 waiting; 0 finished already" in told
    assert not Action.objects.filter(abort__isnull=False).exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a0-1", "--phase", "running"), "not allowed with"),
        (("--phase", "succeeded"), "the phases are queued"),
        (("--group", "nope"), "no group 'nope'"),
        (("a0-1", "--beside", "a0-0"), "not allowed with"),
        (("--beside", "a0-1", "--force"), "--force works on a run or on an action"),
        (("--beside", "nope"), "no action 'nope'"),
        (("--beside", "nope", "--dry-run"), "no action 'nope'"),
        (("--subtree", "a0-1", "--force"), "--force works on a run or on an action"),
        (("a0-1", "--force", "--dry-run"), "not allowed with"),
        (("--subtree", "nope"), "no action 'nope'"),
        (("--subtree", "nope", "--dry-run"), "no action 'nope'"),
    ],
)
def test_what_cannot_be_selected_is_told(no_server: None, arguments: tuple[str, ...], words: str) -> None:
    make_run("2")

    with pytest.raises(CommandError, match=words):
        abort("run1", *arguments)


@pytest.mark.parametrize(("option", "value"), [("phase", "running"), ("group", "trials"), ("beside", "a0-1")])
def test_a_running_server_is_asked_for_many_with_its_cookie(
    monkeypatch: pytest.MonkeyPatch, option: str, value: str
) -> None:
    asked: list[httpx.Request] = []

    def answer(client: httpx.Client, request: httpx.Request, **options: object) -> httpx.Response:
        asked.append(request)
        if request.method == "GET":
            client.cookies.set("csrftoken", "token")  # in truth for https only, where a proxy speaks that
            return httpx.Response(200, json={}, request=request)
        found = {"targets": 2, "reached": 7, "stopped": 3, "already_asked": 1, "finished": 5}
        return httpx.Response(200, json=found, request=request)

    monkeypatch.setattr(httpx.Client, "send", answer)

    told = abort("run1", f"--{option}", value, "--reason", "why")

    assert "it reaches 7, of which 3 stopped at once; 5 had finished, 1 were being aborted already" in told
    assert [request.url.path.rpartition("/runs/")[2] for request in asked] == [
        "run1/aborts/preview",
        "run1/aborts",
    ]
    post = asked[1]
    assert post.headers["cookie"] == "csrftoken=token"
    assert (post.headers["x-csrftoken"], post.headers["x-flyteui-actor"]) == ("token", "flyteui abort")
    selected = {"names": [], "phase": "", "group": "", "beside": "", option: value}
    assert json.loads(post.content) == {**selected, "reason": "why"}
    assert asked[0].url.params[option] == value


def test_what_the_server_refuses_of_many_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(client: httpx.Client, request: httpx.Request, **options: object) -> httpx.Response:
        return httpx.Response(404, json={"message": "run run1 has no group 'g'"}, request=request)

    monkeypatch.setattr(httpx.Client, "send", refuse)

    with pytest.raises(CommandError, match="the server refused: run run1 has no group 'g'"):
        abort("run1", "--group", "g")
