"""kill -9 of each process at some moment, while 200 actions run and 50 of them are being aborted (laws 2, 4, 10, 11)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from benchmarks.soak.marks import doubled, let_end, read_marks, starts
from runs.domain.phases import Phase
from tests.support import plain_http
from tests.support.nets import NET_SECONDS
from tests.support.server.parts import children_of, doctor, executors_of, find, kill, let_pass
from tests.support.server.server import Server, wait_until

pytestmark = pytest.mark.e2e
FLOW = "benchmarks/soak/flows.py"
N, PLAIN, QUICK, ABORTED = 200, 4, 5, 50
ANSWER_SECONDS = 180  # a web process that was killed starts again meanwhile
TOO_MANY = 4  # consecutive system failures


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # With the usual lease: whoever died is found without it, and whoever was only away, however long, goes on.
    server = Server(tmp_path_factory.mktemp("home"), FLYTEUI_ABORT_GRACE_SECONDS="5").start()
    yield server
    executors = executors_of(server)
    server.stop()
    for pid in executors:  # those whose worker was killed
        kill(pid)


def begin(server: Server, where: Path) -> str:
    run = server.submit(
        FLOW, "fan_out", "--where", str(where), "--n", str(N), "--plain_ones", str(PLAIN), "--quick", str(QUICK),
    )  # fmt: skip
    server.wait_running(run, "waits", N)
    wait_until(lambda: server.phases(run, "waits_plain").count(Phase.RUNNING) >= 2, "plain functions run")
    return run


def abort(server: Server, run: str, names: list[str]) -> None:
    """One after another; an abort that is not answered is asked again, which is harmless (law 10)."""
    with plain_http.Client(timeout=NET_SECONDS) as client:
        for name in names:
            body = {"actionId": {"run": server.run_id(run), "name": name}, "reason": "not this one"}
            wait_until(partial(is_answered, client, server, body), f"an answer to the abort of {name}")


def is_answered(client: httpx.Client, server: Server, body: Mapping[str, object]) -> bool:
    try:
        answer = client.post(f"{server.url}/flyteidl2.workflow.RunService/AbortAction", json=body)
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def pids(server: Server, kind: str) -> list[int]:
    (executor,) = executors_of(server)
    (zygote,) = [pid for pid in children_of(executor) if list(children_of(pid))] or [0]
    return {
        "executor": [executor],
        "zygote": [zygote],
        "child": list(children_of(zygote)),
        "worker": find(server, " flyteui.worker"),
        "web": find(server, " flyteui.web "),
        "everything": [*find(server, " flyteui.web "), executor, *find(server, " flyteui.worker")],
    }[kind]


def have_ended(server: Server, run: str, names: list[str]) -> bool:
    rows = server.actions(run)
    return all(Phase(rows[name]["phase"]).is_terminal for name in names)


def aborting(server: Server, run: str, names: list[str]) -> tuple[ThreadPoolExecutor, Future[None]]:
    pool = ThreadPoolExecutor(1)
    return pool, pool.submit(abort, server, run, names)


@pytest.mark.parametrize("kind", ["executor", "worker", "web", "zygote", "child", "everything"])
def test_what_is_killed_loses_nothing_doubles_nothing_and_sticks_nowhere(
    own_server: Server, tmp_path: Path, kind: str
):
    server = own_server
    run = begin(server, tmp_path)
    victims = [row["name"] for row in server.named(run, "waits")][:ABORTED]

    pool, asked = aborting(server, run, victims)
    let_pass(random.uniform(0.0, 0.6))
    for pid in pids(server, kind):
        kill(pid)
    asked.result(ANSWER_SECONDS)
    pool.shutdown()
    wait_until(lambda: have_ended(server, run, victims), "what was aborted has ended")
    let_end(tmp_path)
    server.wait_all_ended(run)

    rows, marks = server.actions(run), read_marks(tmp_path)
    assert doubled(marks) == []
    assert Phase(rows["a0"]["phase"]) is Phase.SUCCEEDED, rows["a0"]["error_message"]
    wrong = [
        row
        for name, row in rows.items()
        if Phase(row["phase"]) is not (Phase.ABORTED if name in victims else Phase.SUCCEEDED)
    ]
    assert [row["name"] for row in wrong] == []
    begun = starts(marks, run)
    quick = [row["name"] for row in server.named(run, "sleeps")][:QUICK]
    assert {begun[name] for name in quick} == {1}, "what had ended runs once only"
    if kind in {"executor", "everything"}:
        assert rows["a0"]["lease_epoch"] == begun["a0"] == 2
    elif kind in {"worker", "web"}:
        assert set(begun.values()) == {1}
    assert doctor(server) == ""
    wait_until(server.is_ready, "the server is ready for the next test")


def has_begun(server: Server, where: Path, run: str, times: int) -> bool:
    return starts(read_marks(where), run)["a0"] == times and server.phase(run) is Phase.RUNNING


def test_an_action_that_always_loses_its_executor_fails_in_the_end(own_server: Server, tmp_path: Path):
    run = own_server.submit(FLOW, "sleeps", "--where", str(tmp_path), "--number", "1", "--seconds", "600")

    for lost in range(TOO_MANY):
        wait_until(partial(has_begun, own_server, tmp_path, run, lost + 1), f"start {lost + 1}")
        (executor,) = executors_of(own_server)
        kill(executor)

    assert own_server.wait_ended(run) is Phase.FAILED
    root = own_server.actions(run)["a0"]
    assert root["error_code"] == "MaxSystemFailuresExceeded"
    assert "killed by SIGKILL" in root["error_message"]
    assert (root["system_failures"], root["lease_epoch"]) == (TOO_MANY - 1, TOO_MANY)
    assert doctor(own_server) == ""
