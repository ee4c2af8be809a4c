"""The door of the Connect API: credentials, roles by project, what lists show, who is the actor, what the audit says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pyqwest
import pytest
from asgiref.sync import sync_to_async
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from django.contrib.auth.models import User
from django.utils import timezone
from flyteidl2.common import identifier_pb2
from flyteidl2.workflow import run_service_pb2
from flyteidl2.workflow.run_service_connect import RunServiceClient
from pyqwest.testing import ASGITransport

from runs.access import tokens
from runs.api import door
from runs.api.asgi import application
from runs.domain.phases import Phase
from runs.domain.roles import Role
from runs.models import Abort, AuditEntry, Member
from runs.store import hints
from tests.access.conftest import make_member
from tests.support import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("signing_in")]

ADDRESS = "http://localhost:8000"
APPLICATION: Any = application
RUN_SERVICE = "/flyteidl2.workflow.RunService/"
RUN_ID = {"project": "flytesnacks", "domain": "development", "name": "run1"}
A0 = {"actionId": {"run": RUN_ID, "name": "a0"}}


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"


def post(method: str, body: dict[str, Any], token: str = "", **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(APPLICATION)
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            shown = {"Authorization": f"Bearer {token}"} if token else {}
            path = method if "/" in method else RUN_SERVICE + method
            return await client.post(path, json=body, headers=headers | shown)

    return asyncio.run(ask())


def code_of(answer: httpx.Response) -> str:
    return "ok" if answer.is_success else answer.json()["code"]


@pytest.mark.parametrize("token", ["", "nonsense", "run_1.forged", "command_x.forged", "\t"])
def test_nobody_is_let_in_without_a_valid_credential(token: str):
    answer = post("GetRunDetails", {"runId": RUN_ID}, token)

    assert (answer.status_code, code_of(answer)) == (401, "unauthenticated")
    assert "sign in" in answer.json()["message"]


async def test_a_stream_is_unauthenticated_too():
    client = RunServiceClient(ADDRESS, http_client=pyqwest.Client(ASGITransport(APPLICATION)))
    request = run_service_pb2.WatchRunDetailsRequest(run_id=identifier_pb2.RunIdentifier(**RUN_ID))

    with pytest.raises(ConnectError) as raised:
        async for _ in client.watch_run_details(request):
            pass

    assert raised.value.code is Code.UNAUTHENTICATED


async def test_a_stream_ends_when_its_reader_has_not_the_role_any_more(monkeypatch):
    monkeypatch.setattr(door, "CHECK_SECONDS", 0.0)
    run = await sync_to_async(factories.make_run)("1")
    await sync_to_async(make_member)("vera", Role.VIEWER)
    client = RunServiceClient(ADDRESS, http_client=pyqwest.Client(ASGITransport(APPLICATION)))
    request = run_service_pb2.WatchRunDetailsRequest(run_id=identifier_pb2.RunIdentifier(**RUN_ID))
    stream = client.watch_run_details(request, headers={"authorization": "Bearer token-of-vera"})

    first = await anext(stream)
    await Member.objects.all().adelete()
    seq = await sync_to_async(lambda: factories.change(run.actions.get(name="a0"), attempt=2))()
    await hints.send([hints.Hint(hints.run_group(run.pk), seq)])

    assert first.details.action.id.name == "a0"
    with pytest.raises(ConnectError) as raised:
        await anext(stream)
    assert raised.value.code is Code.PERMISSION_DENIED


def test_a_service_that_does_not_exist_tells_strangers_nothing():
    assert post("/flyteidl2.nowhere.NoService/CreateNothing", {}).status_code in {401, 501}


def test_a_viewer_reads_and_their_abort_is_refused_and_audited():
    factories.make_run("1")
    make_member("vera", Role.VIEWER)

    assert code_of(post("GetRunDetails", {"runId": RUN_ID}, "token-of-vera")) == "ok"
    answer = post("AbortAction", {**A0, "reason": "I want to"}, "token-of-vera")

    assert code_of(answer) == "permission_denied"
    assert (
        answer.json()["message"]
        == "this takes the role operator in project 'flytesnacks', which vera does not have"
    )
    assert not Abort.objects.exists()
    entry = AuditEntry.objects.get()
    assert (entry.name, entry.way, entry.deed, entry.outcome) == ("vera", "CLI", "abort", "refused")
    assert entry.target == "flytesnacks/development/run1/a0"


def test_an_operators_abort_has_its_actor_and_on_whose_behalf():
    factories.make_run("1")
    make_member("otto", Role.OPERATOR)

    answer = post(
        "AbortAction", {**A0, "reason": "why"}, "token-of-otto",
        **{"x-flyteui-actor": "the boss", "x-flyteui-force": "0"},
    )  # fmt: skip

    assert code_of(answer) == "ok"
    assert Abort.objects.get().actor == "otto (CLI) on behalf of the boss"
    entry = AuditEntry.objects.get()
    assert (entry.subject, entry.behalf, entry.outcome, entry.note) == ("otto", "the boss", "done", "why")


def test_aborted_by_of_a_request_is_never_the_actor():
    factories.make_run("1")
    make_member("otto", Role.OPERATOR)
    body = {**A0, "abortedBy": {"user": {"id": {"subject": "root"}}}}

    post("/flyteidl2.actions.ActionsService/Abort", body, "token-of-otto")

    assert Abort.objects.get().actor == "otto (CLI) on behalf of root"


def test_code_that_cancels_its_child_is_the_parent_and_not_audited():
    run = factories.make_run("1")
    child = {"actionId": {"run": RUN_ID, "name": "a0-0"}}

    post("/flyteidl2.actions.ActionsService/Abort", child, tokens.sign_run(run.pk))

    assert (Abort.objects.get().actor, Abort.objects.get().cause) == ("a0", "cancelled by parent")
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("method", "body", "least"),
    [
        ("GetRunDetails", {"runId": RUN_ID}, Role.VIEWER),
        ("ListActions", {"runId": RUN_ID}, Role.VIEWER),
        ("AbortRun", {"runId": RUN_ID}, Role.OPERATOR),
        ("SignalEvent", {**A0, "payload": {"boolValue": True}}, Role.OPERATOR),
        ("CreateRun", {"projectId": {"name": "flytesnacks", "domain": "development"}}, Role.EDITOR),
        (
            "/flyteidl2.task.TaskService/DeployTask",
            {"taskId": {"project": "flytesnacks", "domain": "development", "name": "t", "version": "1"}},
            Role.EDITOR,
        ),
        (
            "/flyteidl2.dataproxy.DataProxyService/CreateUploadLocation",
            {"project": "flytesnacks", "domain": "development", "filename": "f"},
            Role.EDITOR,
        ),
        (
            "/flyteidl2.project.ProjectService/UpdateProject",
            {"project": {"id": "flytesnacks", "name": "x"}},
            Role.ADMIN,
        ),
    ],
)
def test_each_call_takes_its_role_and_no_lower_one(method: str, body: dict[str, Any], least: Role):
    factories.make_run("1")

    for role in Role:
        make_member(role.label, role)
        is_refused = code_of(post(method, body, f"token-of-{role.label}")) == "permission_denied"
        assert is_refused is (role < least), role


def test_the_project_of_the_run_counts_and_not_that_of_another_field():
    factories.make_run("1", project="other", name="run1")
    make_member("ed", Role.EDITOR)
    theirs = {**RUN_ID, "project": "other"}

    assert code_of(post("GetRunDetails", {"runId": theirs}, "token-of-ed")) == "permission_denied"
    create = {
        "projectId": {"name": "flytesnacks", "domain": "development"},
        "taskId": {"project": "other", "domain": "development", "name": "secret", "version": "1"},
    }
    answer = post("CreateRun", create, "token-of-ed")
    assert code_of(answer) == "permission_denied"
    assert "viewer in project 'other'," in answer.json()["message"]
    related = {
        "projectId": {"name": "flytesnacks", "domain": "development"},
        "runSpec": {"relation": {"relationType": "RELATION_TYPE_RECOVER", "relatedTo": theirs}},
    }
    assert code_of(post("CreateRun", related, "token-of-ed")) == "permission_denied"


def test_a_domain_is_not_taken_for_a_project():
    """An identifier without its project names none, and then all projects are meant."""
    make_member("ed", Role.EDITOR, "other")

    answer = post("CreateRun", {"projectId": {"domain": "other"}}, "token-of-ed")

    assert code_of(answer) == "permission_denied"
    assert "in all projects" in answer.json()["message"]


def test_lists_show_what_the_caller_may_see():
    factories.make_run(name="ours")
    factories.make_run(name="theirs", project="other")
    make_member("ada", Role.VIEWER)

    runs = post("ListRuns", {}, "token-of-ada").json()["runs"]
    projects = post("/flyteidl2.project.ProjectService/ListProjects", {}, "token-of-ada").json()

    assert [run["action"]["id"]["run"]["name"] for run in runs] == ["ours"]
    assert [one["id"] for one in projects["projects"]["projects"]] == ["flytesnacks"]
    scoped = {"projectId": {"name": "other", "domain": "development"}}
    assert code_of(post("ListRuns", scoped, "token-of-ada")) == "permission_denied"


def test_only_an_admin_of_all_projects_makes_one():
    make_member("paul", Role.ADMIN)
    make_member("root", Role.ADMIN, None)
    body = {"project": {"id": "new", "name": "New"}}
    path = "/flyteidl2.project.ProjectService/CreateProject"

    assert code_of(post(path, body, "token-of-paul")) == "permission_denied"
    assert code_of(post(path, body, "token-of-root")) == "ok"
    assert list(AuditEntry.objects.order_by("id").values_list("deed", "outcome", "target")) == [
        ("change project", "refused", "new"),
        ("change project", "done", "new"),
    ]


def test_whoami_is_the_owner_of_ones_runs():
    make_member("ada", Role.VIEWER)

    answer = post("/flyteidl2.auth.IdentityService/UserInfo", {}, "token-of-ada").json()

    assert (answer["subject"], answer["name"]) == ("ada", "ada")


def test_the_credential_of_a_run_ends_with_it_and_is_of_its_project():
    run = factories.make_run("1")
    factories.make_run("1", name="run1", project="other")
    token = tokens.sign_run(run.pk)

    assert code_of(post("GetRunDetails", {"runId": RUN_ID}, token)) == "ok"
    assert (
        code_of(post("GetRunDetails", {"runId": {**RUN_ID, "project": "other"}}, token))
        == "permission_denied"
    )
    answer = post("/flyteidl2.auth.IdentityService/UserInfo", {}, token).json()
    assert answer["subject"] == "run flytesnacks/development/run1"

    factories.change(run.actions.get(name="a0"), phase=Phase.SUCCEEDED, ended_at=timezone.now())

    assert code_of(post("GetRunDetails", {"runId": RUN_ID}, token)) == "unauthenticated"


def test_a_command_beside_the_server_shows_a_token_that_lasts_a_minute(monkeypatch):
    factories.make_run("1")
    token = tokens.sign_command("flyteui abort")
    assert code_of(post("GetRunDetails", {"runId": RUN_ID}, token)) == "ok"

    monkeypatch.setattr(tokens, "COMMAND_SECONDS", -1)

    assert code_of(post("GetRunDetails", {"runId": RUN_ID}, token)) == "unauthenticated"


def test_no_kind_of_token_passes_for_another():
    run = factories.make_run("1")
    executor = tokens.sign_executor("00000000-0000-0000-0000-00000000000a")

    assert tokens.read_executor(tokens.sign_run(run.pk)) is None
    assert tokens.subject_of_run(executor) is None
    assert tokens.subject_of_run(tokens.sign_command("1")) is None
    assert tokens.subject_of_run("run_" + tokens.sign_command(str(run.pk)).removeprefix("command_")) is None
    assert tokens.subject_of_command("command_" + tokens.sign_run(run.pk).removeprefix("run_")) is None


UPLOADS = "/flyteidl2.dataproxy.DataProxyService/CreateUploadLocation"


def put(url: str, **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APPLICATION), base_url=ADDRESS) as client:
            return await client.put(url, content=b"x", headers=headers)

    return asyncio.run(ask())


def test_an_upload_address_is_of_whoever_asked_for_it():
    for name in ("ed", "eve"):
        make_member(name, Role.EDITOR)

    def address(filename: str) -> str:
        body = {"project": "flytesnacks", "domain": "development", "filename": filename}
        return str(post(UPLOADS, body, "token-of-ed").json()["signedUrl"]).partition(":8000")[2]

    theirs = put(address("a"), authorization="Bearer token-of-eve")
    assert (theirs.status_code, theirs.text) == (
        403,
        "this address was given to somebody else; ask for one of your own",
    )
    assert put(address("a"), authorization="Bearer token-of-ed").status_code == 200
    assert put(address("b")).status_code == 200, "clients send no credential along"
    late = address("c")
    User.objects.filter(username="ed").update(is_active=False)
    assert (put(late).status_code, put(late).text) == (403, "ed may not sign in any more")
