"""`cache=` with the real client: how often user code runs, and what is shown of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from runs.domain.phases import Phase
from runs.engine.cache import Status
from tests.support.server.server import RUN_URL, Server, wait_until

FILE = "tests/workflows/cached.py"


def counted(count: Path) -> Counter[str]:
    return Counter(count.read_text().splitlines())


def succeed(server: Server, run: str) -> str:
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return " ".join(server.cli("get", "io", run).replace("│", " ").split())


def statuses(server: Server, run: str, short_name: str) -> set[Status]:
    return {Status(row["cache_status"]) for row in server.named(run, short_name)}


def test_a_second_run_takes_what_the_first_one_computed(server: Server, tmp_path: Path):
    count = tmp_path / "count"
    call = (FILE, "calls_all", "--count", str(count), "--start", "10")

    first = server.submit(*call)
    said = succeed(server, first)
    second = server.submit(*call)

    assert succeed(server, second).partition("Outputs")[2] == said.partition("Outputs")[2]
    assert counted(count) == {"adds 10": 1, "adds 11": 1, "adds 12": 1, "doubles 10": 1, "fails 10": 2}
    assert statuses(server, first, "adds") == {Status.POPULATED}
    assert statuses(server, second, "adds") == statuses(server, second, "doubles") == {Status.HIT}
    assert statuses(server, second, "fails") == {Status.MISS}
    hit = server.named(second, "adds")[0]
    details = server.call(
        "flyteidl2.workflow.RunService/GetActionDetails",
        {"actionId": {"run": server.run_id(second), "name": hit["name"]}},
    ).json()["details"]
    assert details["status"]["cacheStatus"] == "CACHE_HIT"
    (attempt,) = details["attempts"]
    assert attempt["cacheStatus"] == "CACHE_HIT"
    assert attempt["cacheMetadata"]["sourceActionAttempt"]["actionId"]["run"]["name"] == first


def test_a_run_may_overwrite_what_is_kept(server: Server, tmp_path: Path):
    count = tmp_path / "count"
    call = (FILE, "adds", "--count", str(count), "--n", "100")
    for _ in range(2):
        succeed(server, server.submit(*call))
    assert counted(count) == {"adds 100": 1}

    printed = server.finish(server.python("tests/workflows/cached.py", str(count)))

    found = RUN_URL.search(printed)
    assert found, printed
    again = found.group(4)
    succeed(server, again)
    assert counted(count) == {"adds 100": 2}
    wait_until(lambda: statuses(server, again, "adds") == {Status.POPULATED}, "it is kept")


def test_a_root_and_a_child_share_a_key(server: Server, tmp_path: Path):
    count = tmp_path / "count"
    succeed(server, server.submit(FILE, "adds", "--count", str(count), "--n", "20"))

    run = server.submit(FILE, "calls_all", "--count", str(count), "--start", "20")

    succeed(server, run)
    assert statuses(server, run, "adds") == {Status.HIT, Status.POPULATED}
    assert counted(count)["adds 20"] == 1


def test_the_version_may_come_from_the_code(server: Server):
    runs = [server.submit(FILE, "knows_itself", "--n", "5")]
    succeed(server, runs[0])
    runs.append(server.submit(FILE, "knows_itself", "--n", "5"))

    assert "computed 5" in succeed(server, runs[1])
    assert [statuses(server, run, "knows_itself") for run in runs] == [{Status.POPULATED}, {Status.HIT}]


def test_equal_calls_run_one_at_a_time_across_runs(server: Server, tmp_path: Path):
    count, gate = tmp_path / "count", tmp_path / "gate"
    inputs = ("--count", str(count), "--gate", str(gate))
    run = server.submit(FILE, "calls_one_at_a_time", *inputs, "--n", "3")
    server.wait_running(run, "one_at_a_time", 1)
    other = server.submit(FILE, "one_at_a_time", *inputs, "--n", "7")
    waits = Phase.WAITING_FOR_RESOURCES
    wait_until(lambda: server.phases(run, "one_at_a_time").count(waits) == 2, "two wait for the third")
    assert server.phase(other) is waits

    gate.touch()

    assert "[7, 7, 7]" in succeed(server, run)
    assert "7" in succeed(server, other)
    assert counted(count) == {"began": 1}
