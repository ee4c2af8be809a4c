"""CreateDownloadLink and the GET that follows: the code and the report of a run, and no other file."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from asgiref.sync import sync_to_async
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.app import app_definition_pb2
from flyteidl2.common import identifier_pb2
from flyteidl2.dataproxy import dataproxy_service_pb2
from flyteidl2.task import task_definition_pb2
from google.protobuf.duration_pb2 import Duration

from runs.domain.phases import Phase
from runs.domain.specs import read_task_spec
from runs.engine.creation import keep_spec
from runs.models import Action, Attempt
from runs.store import storage
from tests.api.conftest import API
from tests.support import factories
from tests.support.scene import task_spec

REPORT, CODE = dataproxy_service_pb2.ARTIFACT_TYPE_REPORT, dataproxy_service_pb2.ARTIFACT_TYPE_CODE_BUNDLE
Request = dataproxy_service_pb2.CreateDownloadLinkRequest
BUNDLE = "_uploads/flytesnacks/development/abc/fast1.tar.gz"


def store(folder: Path, path: str, content: bytes) -> str:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return str(file)


def make_action(folder: Path, bundle: str = BUNDLE) -> Action:
    """A root that has run twice, and wrote a report each time."""
    run = factories.make_run(phase=Phase.SUCCEEDED)
    spec = keep_spec(read_task_spec(task_spec(bundle=str(folder / bundle))))
    root: Action = run.actions.get()
    Action.objects.filter(pk=root.pk).update(spec=spec, attempt=2)
    for number in (1, 2):
        path = f"flytesnacks/development/run1/a0/{number}"
        store(folder, f"{path}/report.html", f"<h1>report {number}</h1>".encode())
        uri = f"file://{folder}/{path}"
        Attempt.objects.create(action=root, number=number, lease_epoch=number, output_uri=uri)
    return root


def of_attempt(number: int = 0, action: str = "a0") -> identifier_pb2.ActionAttemptIdentifier:
    run = identifier_pb2.RunIdentifier(project="flytesnacks", domain="development", name="run1")
    return identifier_pb2.ActionAttemptIdentifier(
        action_id=identifier_pb2.ActionIdentifier(run=run, name=action), attempt=number
    )


async def get(
    web: httpx.AsyncClient, answer: dataproxy_service_pb2.CreateDownloadLinkResponse
) -> httpx.Response:
    (url,) = answer.pre_signed_urls.signed_url
    return await web.get(urlsplit(url).path)


async def refused(api: API, request: Request) -> ConnectError:
    with pytest.raises(ConnectError) as error:
        await api.data.create_download_link(request)
    return error.value


@pytest.mark.parametrize(("number", "content"), [(1, "report 1"), (2, "report 2"), (0, "report 2")])
async def test_the_report_of_an_attempt(
    api: API, web: httpx.AsyncClient, storage_folder: Path, number: int, content: str
) -> None:
    await sync_to_async(make_action)(storage_folder)
    asked = Request(artifact_type=REPORT, action_attempt_id=of_attempt(number))

    answer = await get(web, await api.data.create_download_link(asked))

    assert (answer.status_code, answer.text) == (200, f"<h1>{content}</h1>")
    assert answer.headers["content-disposition"] == 'attachment; filename="report.html"'
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-security-policy"].startswith("sandbox")


async def test_the_code_of_an_action_comes_whole_however_large(
    api: API, web: httpx.AsyncClient, storage_folder: Path
) -> None:
    content = bytes(range(256)) * 4096
    store(storage_folder, BUNDLE, content)
    await sync_to_async(make_action)(storage_folder)
    asked = Request(artifact_type=CODE, action_attempt_id=of_attempt(), expires_in=Duration(seconds=60))

    link = await api.data.create_download_link(asked)

    assert (await get(web, link)).content == content
    assert 0 < link.pre_signed_urls.expires_at.seconds - time.time() <= 60
    assert (await web.head(urlsplit(link.pre_signed_urls.signed_url[0]).path)).content == b""


async def test_the_code_of_a_deployed_task(api: API, web: httpx.AsyncClient, storage_folder: Path) -> None:
    from flyteidl2.task import task_service_pb2

    store(storage_folder, BUNDLE, b"code")
    spec = task_definition_pb2.TaskSpec.FromString(task_spec(bundle=str(storage_folder / BUNDLE)))
    spec.task_template.id.version = "v1"
    task = task_definition_pb2.TaskIdentifier(
        project="flytesnacks", domain="development", name="env.main", version="v1"
    )
    await api.tasks.deploy_task(task_service_pb2.DeployTaskRequest(task_id=task, spec=spec))

    link = await api.data.create_download_link(Request(artifact_type=CODE, task_id=task))

    assert (await get(web, link)).content == b"code"


@pytest.mark.parametrize(
    "bundle",
    [
        "flytesnacks/development/run1/a0/1/report.html",
        "_uploads/flytesnacks/development/abc/data.bin",
        "_inputs/flytesnacks/development/x/inputs.pb",
        "fast1.tar.gz",
    ],
)
async def test_a_spec_that_names_another_file_as_its_code_gets_no_link(
    api: API, storage_folder: Path, bundle: str
) -> None:
    store(storage_folder, bundle, b"secret")
    await sync_to_async(make_action)(storage_folder, bundle)

    error = await refused(api, Request(artifact_type=CODE, action_attempt_id=of_attempt()))

    assert error.code is Code.INVALID_ARGUMENT
    assert "which is none" in error.message


async def test_code_outside_of_the_storage_gets_no_link(api: API, storage_folder: Path) -> None:
    for bundle in ("/etc/fast1.tar.gz", "../fast1.tar.gz", "_uploads/../../fast1.tar.gz"):
        await sync_to_async(make_action)(storage_folder, bundle)
        error = await refused(api, Request(artifact_type=CODE, action_attempt_id=of_attempt()))
        await Action.objects.all().adelete()
        await sync_to_async(lambda: factories.make_project().runs.all().delete())()
        assert error.code is Code.INVALID_ARGUMENT, error


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (Request(artifact_type=REPORT, action_attempt_id=of_attempt(9)), Code.NOT_FOUND, "attempt 9 of action 'a0' has no report"),
        (Request(artifact_type=REPORT, action_attempt_id=of_attempt(1, "none")), Code.NOT_FOUND, "action 'none'"),
        (Request(artifact_type=CODE, action_attempt_id=of_attempt()), Code.NOT_FOUND, "no file 'fast1.tar.gz' any more"),
        (Request(artifact_type=REPORT, task_id={"name": "x"}), Code.INVALID_ARGUMENT, "a download is the report"),
        (Request(artifact_type=REPORT), Code.INVALID_ARGUMENT, "a download is the report"),
        (Request(artifact_type=CODE, app_id=app_definition_pb2.Identifier(name="x")), Code.UNIMPLEMENTED, "apps are not supported by flyteui"),
        (Request(artifact_type=REPORT, action_attempt_id=of_attempt(1), expires_in=Duration(seconds=99999)), Code.INVALID_ARGUMENT, "between 1 s and 3600 s"),
    ],
)  # fmt: skip
async def test_what_cannot_be_downloaded_is_refused_by_name(
    api: API, storage_folder: Path, request_: Request, code: Code, words: str
) -> None:
    await sync_to_async(make_action)(storage_folder)

    error = await refused(api, request_)

    assert error.code is code
    assert words in error.message


async def test_outputs_from_the_cache_have_no_report_of_this_run(api: API, storage_folder: Path) -> None:
    root = await sync_to_async(make_action)(storage_folder)
    await Action.objects.filter(pk=root.pk).aupdate(source="other/development/run0/a0/1")

    error = await refused(api, Request(artifact_type=REPORT, action_attempt_id=of_attempt()))

    assert error.code is Code.NOT_FOUND


async def test_a_link_that_is_altered_late_or_of_an_upload_opens_nothing(
    web: httpx.AsyncClient, storage_folder: Path
) -> None:
    uri = f"file://{store(storage_folder, BUNDLE, b'code')}"
    soon = int(time.time()) + 60
    late = storage.sign_download(storage.Download(uri=uri, expires_at=int(time.time()) - 5))
    good = storage.sign_download(storage.Download(uri=uri, expires_at=soon))
    upload = storage.sign_upload(storage.Upload(uri=uri, md5="", max_bytes=1, expires_at=soon))

    for token in (late, f"{good[:-3]}abc", upload, "x"):
        assert (await web.get(f"/download/{token}")).status_code == 403, token
    assert (await web.get(f"/download/{good}")).content == b"code"
    assert (await web.post(f"/download/{good}")).status_code == 405
    (storage_folder / BUNDLE).unlink()
    assert (await web.get(f"/download/{good}")).status_code == 404
