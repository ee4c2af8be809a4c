"""What a task declares, with the real client: honoured, or said by name in the run's Overview; and what can be downloaded."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from flyteidl2.task import run_pb2, task_definition_pb2
from google.protobuf.json_format import MessageToDict
from playwright.sync_api import Browser, Page, ViewportSize, expect

from runs.domain.phases import HELD, Phase
from runs.domain.variables.grace import VARIABLE
from tests.support import plain_http
from tests.support.pages.axe import SCHEMES, violations
from tests.support.pages.run_page import open_ended_run, run_url
from tests.support.server.server import Server, wait_until

FILE = "tests/workflows/declaring.py"
WIDE, NARROW = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=780)
CREATE_RUN = "flyteidl2.workflow.RunService/CreateRun"
DOWNLOAD = "flyteidl2.dataproxy.DataProxyService/CreateDownloadLink"


@pytest.fixture(scope="module")
def declared(server: Server) -> str:
    """A run that declares much, and has ended."""
    run = server.submit("--queue", "late", "--service-account", "bob", FILE, "main")
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return run


def outputs(server: Server, run: str) -> str:
    return " ".join(server.cli("get", "io", run).replace("│", " ").split()).partition("Outputs")[2]


def details(server: Server, run: str, action: str) -> dict[str, Any]:
    body = {"actionId": {"run": server.run_id(run), "name": action}}
    answer = server.call("flyteidl2.workflow.RunService/GetActionDetails", body)
    return dict(answer.json()["details"])


def test_variables_reach_the_code_and_a_plugin_s_task_fails_before_any_of_it_runs(
    server: Server, declared: str
):
    (nap,) = server.named(declared, "nap")

    said = outputs(server, declared)
    assert "green: " in said
    assert "{'UnsupportedTask'}" in said
    assert "is a container task" in said
    assert "it needs a container engine, which flyteui has not" in said
    assert (Phase(nap["phase"]), nap["error_code"], nap["started_at"]) == (
        Phase.FAILED,
        "UnsupportedTask",
        None,
    )
    assert "is a Sleep task (type 'core-sleep'): it needs a backend that sleeps" in nap["error_message"]
    assert "await asyncio.sleep(…) in a task" in nap["error_message"]


def test_a_run_of_a_plugin_s_task_is_refused_with_what_to_do(server: Server):
    printed = " ".join(server.cli("run", FILE, "nap", code=1).replace("│", " ").split())

    assert "task 'sleepy.nap' is a Sleep task" in printed
    assert "Instead: await asyncio.sleep(…) in a task" in printed


def test_the_overview_of_a_run_names_what_is_not_honoured(server: Server, declared: str, page: Page):
    open_ended_run(page, f"{run_url(server, declared)}?action=a0")

    block = page.locator("#declared")
    expect(block.get_by_role("heading")).to_have_text("Declared, not honoured here")
    said = block.locator("dt").all_inner_texts()
    assert {" ".join(one.split()) for one in said} == {
        "Queue late not here", "Queue night not here", "Service account bob not here", "Interruptible differs",
        "CPU 1 differs", "Memory 512Mi differs", "GPU 1 not here", "Accelerator nvidia-tesla-t4 not here",
        "Reusable 2 replicas differs",
    }  # fmt: skip
    expect(block).to_contain_text("Actions run in the order in which they were queued", ignore_case=True)
    expect(block.locator("dd", has_text="No GPU is reserved")).to_contain_text("greedy.shown")


def test_an_action_shows_its_own_declarations_and_links(server: Server, declared: str, page: Page):
    (shown,) = server.named(declared, "shown")
    address = f"https://boards.example/flytesnacks/development/{declared}/{shown['name']}"

    open_ended_run(page, f"{run_url(server, declared)}?action={shown['name']}")

    link = page.locator("#links").get_by_role("link", name="Board")
    expect(link).to_have_attribute("href", address)
    expect(page.locator("#declared dt", has_text="Queue")).to_contain_text("night")
    expect(page.locator("#declared dt", has_text="Service account")).to_have_count(0)
    (attempt,) = details(server, declared, shown["name"])["attempts"]
    assert [(one["name"], one["uri"]) for one in attempt["logInfo"]] == [("Board", address)]


@pytest.mark.parametrize("is_narrow", [False, True])
def test_the_overview_has_nothing_to_mend(
    server: Server, declared: str, browser: Browser, *, is_narrow: bool
):
    context = browser.new_context(viewport=NARROW if is_narrow else WIDE, reduced_motion="reduce")
    page = context.new_page()
    open_ended_run(page, f"{run_url(server, declared)}?action=a0")
    page.locator("#declared").scroll_into_view_if_needed()

    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    context.close()


def test_a_run_has_no_more_actions_at_a_time_than_it_may_and_says_why_one_waits(
    server: Server, tmp_path: Path, page: Page
):
    run = server.submit("--max-action-concurrency", "2", FILE, "tree", "--folder", str(tmp_path))
    wait_until(lambda: len(list(tmp_path.glob("leaf*"))) == 2, "two leaves run")
    (waits, *_) = [row for row in server.actions(run).values() if Phase(row["phase"]) is Phase.QUEUED]
    page.goto(f"{run_url(server, run)}?action={waits['name']}")
    expect(page.locator("#waits")).to_contain_text("The run has 2 of at most 2 actions at a time")
    held = [row["short_name"] for row in server.actions(run).values() if Phase(row["phase"]) in HELD]
    assert sorted(held).count("leaf") == 2

    Path(tmp_path, "gate").touch()

    assert server.wait_ended(run) is Phase.SUCCEEDED
    assert "o0=22" in outputs(server, run)
    page.goto(f"{run_url(server, run)}?action=a0")
    expect(page.locator("dd", has_text="2 of the run")).to_be_visible()


def test_the_salt_of_a_cache_counts(server: Server, tmp_path: Path):
    count = tmp_path / "count"
    for salt in ("one", "one", "two"):
        client = server.env | {"SALT": salt}
        printed = _run(server, client, "run", FILE, "salted", "--count", str(count))
        assert server.wait_ended(printed) is Phase.SUCCEEDED

    assert count.read_text().splitlines() == ["ran", "ran"]


def _run(server: Server, env: dict[str, str], *arguments: str) -> str:
    """The client with another environment; returns the run's name."""
    before, server.env = server.env, env
    try:
        return server.submit(*arguments[1:])
    finally:
        server.env = before


def test_a_pod_template_runs_without_a_name_of_its_primary_container(server: Server, declared: str):
    (shown,) = server.named(declared, "shown")
    (stored,) = server.query("SELECT spec FROM runs_taskspec WHERE id = ?", shown["spec_id"])
    spec = task_definition_pb2.TaskSpec.FromString(stored["spec"])
    container = spec.task_template.container
    pod: Any = {
        "containers": [
            {
                "name": "anything", "image": container.image, "args": list(container.args),
                "env": [{"name": "COLOUR", "value": "blue"}],
            },
            {"name": "proxy", "image": "proxy"},
        ],
        "terminationGracePeriodSeconds": 7,
    }  # fmt: skip
    spec.task_template.ClearField("container")
    spec.task_template.k8s_pod.pod_spec.update(pod)

    answer = server.call(
        CREATE_RUN,
        {
            "projectId": {"organization": "flyteui", "name": "flytesnacks", "domain": "development"},
            "taskSpec": MessageToDict(spec),
            "inputs": {},
            "runSpec": MessageToDict(run_pb2.RunSpec()),
        },
    )

    run = answer.json()["run"]["action"]["id"]["run"]["name"]
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert "blue" in outputs(server, run)
    (pool,) = server.query("SELECT env FROM runs_pool WHERE id = ?", server.actions(run)["a0"]["pool_id"])
    assert f'"{VARIABLE}": "7"' in pool["env"]


def test_a_report_and_the_code_of_a_run_can_be_fetched(server: Server, tmp_path: Path):
    run = server.submit(FILE, "reporting")
    assert server.wait_ended(run) is Phase.SUCCEEDED

    code = server.cli("get", "code", run, "--dest", str(tmp_path / "code"))
    report = server.finish(_python(server, run))

    assert (tmp_path / "code" / "tests/workflows/declaring.py").read_text() == Path(FILE).read_text(), code
    assert "<h1>All is well</h1>" in report


def _python(server: Server, run: str) -> subprocess.Popen[str]:
    before, server.env = server.env, server.env | {"RUN": run}
    try:
        return server.python(FILE)
    finally:
        server.env = before


def test_a_download_is_a_file_that_no_browser_shows_as_a_page(server: Server, declared: str):
    attempt = {"actionId": {"run": server.run_id(declared), "name": "a0"}, "attempt": 1}

    link = server.call(DOWNLOAD, {"artifactType": "ARTIFACT_TYPE_CODE_BUNDLE", "actionAttemptId": attempt})
    answer = plain_http.get(link.json()["preSignedUrls"]["signedUrl"][0])

    assert answer.headers["content-disposition"].startswith('attachment; filename="fast')
    assert "sandbox" in answer.headers["content-security-policy"]
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
        assert any(name.endswith("declaring.py") for name in archive.getnames())
    none = server.call(DOWNLOAD, {"artifactType": "ARTIFACT_TYPE_REPORT", "actionAttemptId": attempt})
    assert (none.status_code, none.json()["message"]) == (
        404,
        "there is no file 'report.html' any more, or not yet",
    )
