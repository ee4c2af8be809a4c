"""Who may download: a viewer of the project, by an address of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.contrib.auth.models import User

from runs.domain.roles import Role
from runs.domain.specs import read_task_spec
from runs.engine.creation import keep_spec
from runs.models import Action
from tests.access.conftest import make_member
from tests.access.test_api import ADDRESS, APPLICATION, RUN_ID, code_of, post
from tests.support import factories
from tests.support.scene import task_spec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("signing_in")]

LINKS = "/flyteidl2.dataproxy.DataProxyService/CreateDownloadLink"
BODY = {
    "artifactType": "ARTIFACT_TYPE_CODE_BUNDLE",
    "actionAttemptId": {"actionId": {"run": RUN_ID, "name": "a0"}, "attempt": 1},
}


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"
    return tmp_path / "storage"


def make_run(folder: Path, *, code_of_project: str = "flytesnacks") -> None:
    file = folder / "_uploads" / code_of_project / "development" / "abc" / "fast1.tar.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"code")
    run = factories.make_run()
    spec = keep_spec(read_task_spec(task_spec(bundle=str(file))))
    Action.objects.filter(run=run).update(spec=spec)


def get(url: str, **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(APPLICATION), base_url=ADDRESS) as client:
            return await client.get(urlsplit(url).path, headers=headers)

    return asyncio.run(ask())


def link(token: str) -> str:
    return str(post(LINKS, BODY, token).json()["preSignedUrls"]["signedUrl"][0])


def test_a_viewer_may_and_who_is_no_member_may_not(folder: Path):
    make_run(folder)
    make_member("vera", Role.VIEWER)
    make_member("olga", Role.ADMIN, "other")

    assert get(link("token-of-vera")).content == b"code"
    assert code_of(post(LINKS, BODY, "token-of-olga")) == "permission_denied"
    assert code_of(post(LINKS, BODY)) == "unauthenticated"


def test_code_of_a_project_that_one_may_not_read_gets_no_link(folder: Path):
    make_run(folder, code_of_project="other")
    make_member("vera", Role.VIEWER)
    make_member("ada", Role.VIEWER, None)

    refused = post(LINKS, BODY, "token-of-vera")

    assert code_of(refused) == "permission_denied"
    assert "this takes the role viewer in project 'other'" in refused.json()["message"]
    assert get(link("token-of-ada")).content == b"code"


def test_a_download_address_is_of_whoever_asked_for_it(folder: Path):
    make_run(folder)
    for name in ("vera", "vic"):
        make_member(name, Role.VIEWER)
    address = link("token-of-vera")

    theirs = get(address, authorization="Bearer token-of-vic")

    assert (theirs.status_code, theirs.text) == (
        403,
        "this address was given to somebody else; ask for one of your own",
    )
    assert get(address, authorization="Bearer token-of-vera").content == b"code"
    assert get(address).content == b"code", "clients send no credential along"
    User.objects.filter(username="vera").update(is_active=False)
    assert (get(address).status_code, get(address).text) == (403, "vera may not sign in any more")
