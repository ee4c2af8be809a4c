"""The page of the code that an action runs, and its bundle as a file."""

from __future__ import annotations

import pytest
from django.test import Client

from runs.models import Action, TaskSpec
from runs.store import storage
from tests.domain.tasks.test_bundles import pack
from tests.support import factories
from tests.support.scene import task_spec
from tests.support.tasks import deploy

pytestmark = pytest.mark.django_db(transaction=True)

ACTION = "/v2/domain/development/project/flytesnacks/runs/run1/actions/a0"
SOURCE = b"import flyte\n\n@env.task\nasync def main(n: int) -> str:\n    return '<b>'\n"


def sent(bundle: str, *, has: bytes | None = None, flag: str = "--tgz") -> str:
    """An action of this bundle; returns the bundle's address."""
    run = factories.make_run()
    uri = storage.upload_uri("flytesnacks", "development", "code", bundle)
    if has is not None:
        storage.write_bytes(uri, has)
    message = task_spec("env.main", bundle=uri, flag=flag, loader=["mod", "pkg.demo", "instance", "main"])
    spec = TaskSpec.objects.create(digest=bundle, spec=message, name="env.main")
    Action.objects.filter(run=run, name="a0").update(spec=spec)
    return uri


def page(query: str = "") -> tuple[int, str]:
    answer = Client().get(f"{ACTION}/code{query}")
    return answer.status_code, answer.content.decode()


def test_the_file_of_the_task_is_shown_with_the_line_where_it_begins():
    sent("a.tgz", has=pack(("pkg/demo.py", SOURCE), ("README", b"read me")))

    status, html = page()

    assert status == 200
    assert 'href="#L-3"' in html
    assert '<span id="L-5">' in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html[html.index('id="L-5"') :].split("</pre>")[0]
    status, html = page("?file=README")
    assert (status, "read me" in html, "L-3" in html) == (200, True, False)


def tab() -> str:
    answer = Client().get(f"{ACTION}?tab=code")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_tab_shows_the_file_of_the_task_and_leads_to_the_others():
    sent("d.tgz", has=pack(("pkg/demo.py", SOURCE), ("README", b"read me")))

    html = tab()

    assert '<span id="L-3" data-begins>' in html
    assert html.count("data-begins") == 1
    assert f'href="{ACTION}/code?file=README"' in html
    assert f'href="{ACTION}/code.tgz"' in html


def test_the_tab_says_why_there_is_no_code():
    sent("gone.tgz")

    assert "is not kept any more" in tab()


def test_the_bundle_comes_as_it_was_sent():
    data = pack(("pkg/demo.py", SOURCE))
    sent("b.tgz", has=data)

    answer = Client().get(f"{ACTION}/code.tgz")

    assert answer.content == data
    assert answer.headers["Content-Disposition"] == 'attachment; filename="b.tgz"'


@pytest.mark.parametrize(
    ("bundle", "has", "flag", "query", "status", "words"),
    [
        ("gone.tgz", None, "--tgz", "", 404, "is not kept any more"),
        ("bad.tgz", b"no archive", "--tgz", "", 400, "cannot be read"),
        ("code.pkl", b"x", "--pkl", "", 400, "was sent pickled"),
        ("c.tgz", pack(("a.py", b"")), "--tgz", "?file=b.py", 404, "has no file &#x27;b.py&#x27;"),
    ],
    ids=["gone", "damaged", "pickled", "no such file"],
)
def test_what_cannot_be_shown_is_said(
    bundle: str, has: bytes | None, flag: str, query: str, status: int, words: str
):
    sent(bundle, has=has, flag=flag)

    assert page(query)[0] == status
    assert words in page(query)[1]


def test_what_has_no_code_says_so():
    factories.make_run()

    status, html = page()

    assert status == 404
    assert "has no code that was sent with it" in html


def test_a_task_that_was_deployed_and_never_ran_shows_its_code_too():
    uri = storage.upload_uri("flytesnacks", "development", "code", "never.tgz")
    storage.write_bytes(uri, pack(("pkg/demo.py", SOURCE), ("README", b"read me")))
    deploy("env.main", "v 1", bundle=uri, loader=["mod", "pkg.demo", "instance", "main"])
    tasks = "/v2/domain/development/project/flytesnacks/tasks"

    task = Client().get(f"{tasks}/env.main").content.decode()
    html = Client().get(f"{tasks}/env.main/code?version=v+1").content.decode()
    other = Client().get(f"{tasks}/env.main/code?version=v+1&file=README").content.decode()

    assert f'href="{tasks}/env.main/code?version=v+1"' in task
    assert 'href="#L-3"' in html
    assert 'href="?version=v%201&amp;file=README"' in html
    assert f'href="{tasks}/env.main?version=v+1">main</a>' in html
    assert ("Download all" in html, "read me" in other) == (False, True)
    assert Client().get(f"{tasks}/env.none/code").status_code == 404


def test_a_task_without_a_bundle_has_no_code_to_show():
    deploy("env.main")

    answer = Client().get("/v2/domain/development/project/flytesnacks/tasks/env.main/code")

    assert answer.status_code == 404
    assert "Task &#x27;env.main&#x27; has no code that was sent with it" in answer.content.decode()
