"""The link between executors and server cut, stalled, flapping and slow, while actions run and are aborted (laws 2, 11).

Time is scaled down: the lease is 20 s here and 600 s by default. 3 s stand for 20, and what ends an executor's lease
for any fault that lasts longer than that. What counts is on which side of the lease a fault lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.soak.marks import doubled, let_end, read_marks, starts
from runs.domain.phases import Phase
from tests.support.server.parts import Parts, doctor, executors_of, let_pass
from tests.support.server.server import wait_until

pytestmark = pytest.mark.e2e
FLOW = "benchmarks/soak/flows.py"
LEASE_SECONDS = 20.0
N, PLAIN, QUICK, ABORTED = 20, 2, 3, 5


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    parts = Parts(
        tmp_path_factory.mktemp("home"),
        FLYTEUI_EXECUTOR_LEASE_SECONDS=str(LEASE_SECONDS),
        FLYTEUI_ABORT_GRACE_SECONDS="5",
    ).start()
    yield parts
    parts.stop()


@pytest.fixture(autouse=True)
def healed(parts: Parts) -> Iterator[None]:
    yield
    parts.proxy.heal()


def begin(parts: Parts, where: Path) -> str:
    """A run whose coroutines and plain functions run until check()."""
    run = parts.submit(
        FLOW, "fan_out", "--where", str(where), "--n", str(N), "--plain_ones", str(PLAIN), "--quick", str(QUICK),
    )  # fmt: skip
    parts.wait_running(run, "waits", N)
    parts.wait_running(run, "waits_plain", PLAIN)
    return run


def abort_some(parts: Parts, run: str) -> list[str]:
    running = [row["name"] for row in parts.named(run, "waits")]
    for name in running[:ABORTED]:
        action = {"run": parts.run_id(run), "name": name}
        answer = parts.call(
            "flyteidl2.workflow.RunService/AbortAction", {"actionId": action, "reason": "during the cut"}
        )
        answer.raise_for_status()
    return running[:ABORTED]


def check(parts: Parts, run: str, where: Path, aborted: list[str]) -> None:
    """Nothing lost, nothing doubled, nothing stuck."""
    for name in aborted:
        parts.wait_ended(run, name)
    let_end(where)
    parts.wait_all_ended(run)
    rows = parts.actions(run)
    assert doubled(read_marks(where)) == []
    assert parts.phase(run) is Phase.SUCCEEDED, rows["a0"]["error_message"]
    for name, row in rows.items():
        wanted = Phase.ABORTED if name in aborted else Phase.SUCCEEDED
        assert Phase(row["phase"]) is wanted, name
    assert {rows[name]["reason"] for name in aborted} == {"during the cut"}
    assert doctor(parts) == ""


@pytest.mark.parametrize("fault", ["cut", "stall"])
@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_a_link_that_is_away_for_less_than_the_lease_disturbs_nobody(
    parts: Parts, tmp_path: Path, fault: str, seconds: float
):
    run = begin(parts, tmp_path)

    getattr(parts.proxy, fault)()
    aborted = abort_some(parts, run)
    let_pass(seconds)
    assert {Phase(parts.actions(run)[name]["phase"]) for name in aborted} == {Phase.RUNNING}
    parts.proxy.heal()

    check(parts, run, tmp_path, aborted)
    rows = parts.actions(run)
    assert all(rows[name]["delivered_at"] for name in aborted)
    assert {row["lease_epoch"] for row in rows.values()} == {1}
    assert set(starts(read_marks(tmp_path), run).values()) == {1}


@pytest.mark.parametrize("fault", ["cut", "stall"])
def test_a_link_that_is_away_for_longer_than_the_lease_moves_the_work(
    parts: Parts, tmp_path: Path, fault: str
):
    run = begin(parts, tmp_path)
    (old,) = executors_of(parts)

    getattr(parts.proxy, fault)()
    aborted = abort_some(parts, run)
    # It ends by itself before its lease does, so that nobody else has its work yet; its worker says so.
    wait_until(lambda: old not in executors_of(parts), "the executor has ended", LEASE_SECONDS)
    parts.proxy.heal()

    check(parts, run, tmp_path, aborted)
    rows = parts.actions(run)
    again = starts(read_marks(tmp_path), run)
    assert rows["a0"]["lease_epoch"] == again["a0"] == 2
    # What had ended before was picked up from the replay, what was aborted did not begin again.
    quick = [row["name"] for row in parts.named(run, "sleeps")][:QUICK]
    assert {again[name] for name in (*quick, *aborted)} == {1}


def test_a_link_that_flaps_disturbs_nobody(parts: Parts, tmp_path: Path):
    run = begin(parts, tmp_path)

    for _ in range(10):
        parts.proxy.cut()
        let_pass(0.1)
        parts.proxy.heal()
        let_pass(0.3)
    aborted = abort_some(parts, run)

    check(parts, run, tmp_path, aborted)
    assert {row["lease_epoch"] for row in parts.actions(run).values()} == {1}
    assert set(starts(read_marks(tmp_path), run).values()) == {1}


def test_a_slow_link_is_slow_and_nothing_else(parts: Parts, tmp_path: Path):
    parts.proxy.delay(0.3)
    run = begin(parts, tmp_path)

    aborted = abort_some(parts, run)

    check(parts, run, tmp_path, aborted)
    assert {row["lease_epoch"] for row in parts.actions(run).values()} == {1}
