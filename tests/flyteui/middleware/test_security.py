"""Headers of every answer, whichever door it leaves by."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from flyteui.middleware.security import CallHeaders
from tests.support import factories
from tests.support.fuzz.sender import Request, send

pytestmark = pytest.mark.django_db(transaction=True)
RUNS = "/v2/domain/development/project/flytesnacks/runs"
HOST = [(b"host", b"localhost")]


@pytest.mark.parametrize(
    "path",
    [RUNS, f"{RUNS}/run1", f"{RUNS}/run1/actions/a0?tab=logs", f"{RUNS}/run1/actions/a0/log.txt", f"{RUNS}/nope", "/executors/",
     "/healthz", "/metrics", "/admin/login/", "/nothing"],
)  # fmt: skip
def test_no_proxy_keeps_a_page_a_log_or_an_error_and_no_other_site_embeds_it(path: str):
    run = factories.make_run("2")
    factories.make_log(run.actions.get(name="a0"), "secret\n")

    answer = Client().get(path)

    kept = answer.headers["Cache-Control"]
    assert kept == "no-store" if path.endswith(".txt") else "private" in kept
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "camera=()" in answer.headers["Permissions-Policy"]


def test_what_is_the_same_for_all_may_be_kept():
    assert Client().get("/panes.css").headers["Cache-Control"] == "max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/flyteidl2.project.ProjectService/ListProjects", 200),
        ("POST", "/flyteidl2.project.ProjectService/GetProject", 404),
        ("POST", "/flyteidl2.no.Service/X", 501),
        ("PUT", "/upload/forged", 403),
    ],
)
async def test_calls_and_uploads_have_them_too(method: str, path: str, status: int):
    from flyteui.asgi import application

    headers = [*HOST, (b"content-type", b"application/json")]

    answer = await send(
        application, Request(method, path, b"", headers, b'{"id": "nope"}' if status == 404 else b"{}")
    )

    names = [name.lower() for name, _ in answer.headers]
    assert answer.status == status
    assert {b"cache-control", b"cross-origin-resource-policy", b"x-content-type-options"} <= set(names)
    assert len(names) == len(set(names))


async def test_what_an_answer_says_itself_stays():
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"Cache-Control", b"private")]}
        )
        await send({"type": "http.response.body", "body": b""})

    answer = await send(CallHeaders(application), Request("GET", "/", b"", [], b""))

    assert [value for name, value in answer.headers if name.lower() == b"cache-control"] == [b"private"]
