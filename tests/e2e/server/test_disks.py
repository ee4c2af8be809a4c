"""A disk that is full, for the database or for the storage, and a database that somebody else has locked.

A full disk is a limit on the size of files (RLIMIT_FSIZE), which a test can lift again: of the web process it stops the
database, of an executor the storage.
"""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from runs.domain.phases import Phase
from tests.support import plain_http
from tests.support.server.commands import locked
from tests.support.server.parts import doctor, executors_of, find, let_pass
from tests.support.server.server import Server, wait_until

pytestmark = pytest.mark.e2e
FLOW = "tests/workflows/resuming.py"
GATED = "tests/workflows/gated.py"
ABORT = "flyteidl2.workflow.RunService/AbortAction"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("home")).start()
    yield server
    server.stop()


@contextmanager
def full_disk(pid: int) -> Iterator[None]:
    """Whatever this process writes to files fails."""
    free = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # an executor whose run has ended
            resource.prlimit(pid, resource.RLIMIT_FSIZE, free)


def body(server: Server, run: str, action: str) -> dict[str, object]:
    return {"actionId": {"run": server.run_id(run), "name": action}, "reason": "by the test"}


def post_abort(server: Server, run: str, action: str) -> httpx.Response:
    """The page's way, token included."""
    page = f"{server.url}/v2/domain/development/project/flytesnacks/runs/{run}"
    with plain_http.Client(timeout=180) as client:
        client.get(f"{page}/aborts/preview", params={"phase": "running"}).raise_for_status()
        token = client.cookies["csrftoken"]
        form = {"action": action, "csrfmiddlewaretoken": token}
        return client.post(f"{page}/abort", data=form, headers={"referer": page})


def test_a_full_disk_of_the_database_is_said_and_nothing_is_lost(server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = server.submit(GATED, "main", "--n", "4", "--gate", str(gate))
    victim = server.wait_running(run, "waits", 4)[0]
    (web,) = find(server, " flyteui.web ")

    with full_disk(web):
        answer, page = server.call(ABORT, body(server, run, victim)), post_abort(server, run, victim)
        gate.touch()
        let_pass(3.0)  # the children end meanwhile, and nobody can write that
        assert plain_http.get(f"{server.url}/healthz").status_code == httpx.codes.OK
        assert plain_http.get(f"{server.url}/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert set(server.phases(run, "waits")) == {Phase.RUNNING}
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "the database cannot answer now" in answer.json()["message"]
    assert page.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "The database cannot answer now" in page.text
    server.wait_all_ended(run)

    rows = server.actions(run)
    # The abort was refused, so it has not happened.
    assert {(Phase(row["phase"]), row["lease_epoch"], row["abort_id"]) for row in rows.values()} == {
        (Phase.SUCCEEDED, 1, None)
    }
    assert doctor(server) == ""


def test_a_full_disk_of_the_storage_fails_the_action_in_words_and_no_other(server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = server.submit(FLOW, "slow", "--gate", str(gate))
    wait_until(lambda: server.phase(run) is Phase.RUNNING, "it runs")
    (executor,) = executors_of(server)[-1:]

    with full_disk(executor):
        gate.touch()
        assert server.wait_ended(run) is Phase.FAILED
    root = server.actions(run)["a0"]
    assert (root["error_code"], root["error_kind"]) == ("OutputsNotStored", "system")
    assert "File too large" in root["error_message"]

    again = server.submit(FLOW, "slow", "--gate", str(gate))
    assert server.wait_ended(again) is Phase.SUCCEEDED
    assert doctor(server) == ""


@pytest.mark.parametrize("how", ["for a second", "for longer than one waits"])
def test_a_database_that_is_locked_makes_everybody_wait_and_loses_nothing(
    server: Server, tmp_path: Path, how: str
):
    gate, is_short = tmp_path / "gate", how == "for a second"
    run = server.submit(GATED, "main", "--n", "4", "--gate", str(gate))
    victim = server.wait_running(run, "waits", 4)[0]
    answers: list[httpx.Response] = []

    def ask() -> None:
        url = f"{server.url}/{ABORT}"
        answers.append(plain_http.post(url, json=body(server, run, victim), timeout=180))

    with locked(server):
        asking = threading.Thread(target=ask)
        asking.start()
        if is_short:
            let_pass(1.0)
        else:
            gate.touch()  # the children end meanwhile, and nobody can write that
            asking.join(120)
        assert server.actions(run)[victim]["abort_id"] is None
    asking.join(60)
    gate.touch()
    server.wait_all_ended(run)

    rows = server.actions(run)
    if is_short:
        assert answers[0].status_code == httpx.codes.OK
    else:
        assert (answers[0].status_code, answers[0].json()["code"]) == (503, "unavailable")
        assert "locked" in answers[0].json()["message"]
    aborted = {name for name, row in rows.items() if Phase(row["phase"]) is Phase.ABORTED}
    assert aborted == ({victim} if is_short else set())
    assert {row["lease_epoch"] for row in rows.values()} == {1}
    assert server.phase(run) is Phase.SUCCEEDED
    assert doctor(server) == ""
