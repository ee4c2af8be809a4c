"""What the SDK stores and sends for an action, without its secrets; and the private parts on which that relies."""

from __future__ import annotations

import inspect
from typing import Any

import flyte.report._report
import flyte.storage
import pytest
from flyteidl2.core import execution_pb2
from flyteidl2.workflow import run_service_pb2
from flyteidl2.workflow.run_service_connect import RunServiceClient

from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.attempt.masking import MASK
from runs.executor.flyte import masked, sdk
from runs.protocol.frames import Key, Lease, RunInfo, SecretValue

SECRET = "correct-horse"
# The SDK leaves the file of its template to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*_template.html:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the length of a test."""
    for owner, name in (
        (sdk.io, "upload_error"),
        (sdk.taskrunner, "upload_error"),
        (sdk.Report, "get_final_report"),
        (RunServiceClient, "abort_run"),
        (RunServiceClient, "abort_action"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(masked, "_of_process", [])
    masked.install([])


@pytest.fixture
def _action() -> Any:
    values = [SecretValue("key", "KEY", SECRET.encode())]
    lease = Lease(Key(1, "a0"), 1, 1, "", "", secrets=values)
    token = CURRENT.set(Attempt(lease, RunInfo(1, "", "p", "d", "r", "", "", "")))
    yield
    CURRENT.reset(token)


def report() -> str:
    made = sdk.Report("name")
    made.get_tab("main").log(f"the token is {SECRET}")
    return str(made.get_final_report())


async def reason(monkeypatch: pytest.MonkeyPatch, request: Any) -> str:
    sent = []

    async def keep(self: Any, *, request: Any, **options: Any) -> None:
        sent.append(request.reason)

    monkeypatch.setattr(RunServiceClient, "execute_unary", keep)
    client = RunServiceClient("http://127.0.0.1:9")
    is_run = isinstance(request, run_service_pb2.AbortRunRequest)
    await (client.abort_run(request) if is_run else client.abort_action(request))
    return str(sent[0])


@pytest.mark.usefixtures("_action")
async def test_errors_reports_and_reasons_of_an_action_are_masked(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    error = execution_pb2.ExecutionError(code="E", message=f"no {SECRET}")
    await sdk.io.upload_error(error, str(tmp_path), recoverable=False)

    assert error.message == f"no {MASK}"
    assert SECRET.encode() not in b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )
    assert f"the token is {MASK}" in report()
    for kind in (run_service_pb2.AbortRunRequest, run_service_pb2.AbortActionRequest):
        assert await reason(monkeypatch, kind(reason=f"wrong {SECRET}")) == f"wrong {MASK}"


def test_what_belongs_to_no_action_with_secrets_stays():
    assert f"the token is {SECRET}" in report()


def test_a_process_of_one_action_masks_all_that_it_says():
    masked.install([SECRET.encode()])

    assert f"the token is {MASK}" in report()


def test_the_sdk_stores_errors_and_reports_by_what_we_replace() -> None:
    """Else they are stored with the values of secrets in them."""
    assert "await upload_error(err.err, output_path" in inspect.getsource(sdk.taskrunner)
    assert "from .io import upload_error" in inspect.getsource(sdk.entrypoints)  # looked up at each call
    assert "import upload_error" in inspect.getsource(sdk.entry_point)
    assert "await io.upload_error(err.err" in inspect.getsource(sdk.controller_module)
    assert "report_html = report.get_final_report()" in inspect.getsource(flyte.report._report)
