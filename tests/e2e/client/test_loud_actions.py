"""What is said too loudly, with the real server: it arrives, cut where it must be, and neighbours, other runs and aborts do not
wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runs.domain.phases import Phase
from runs.protocol import bounds
from tests.support.server.parts import doctor
from tests.support.server.server import Server, wait_until

FILE = "tests/workflows/loud.py"
FAILING = ["fails_at_length", "fails_at_length_as_a_function", "has_a_large_trace"]
PRINTING = ["prints_at_once", "prints_many_lines", "prints_as_a_function", "floods", "logs_everything"]
# What the log keeps of each: its text without the newlines.
PRINTED = {
    "prints_at_once": "x" * 3_000_000,
    "prints_many_lines": "y" * 2_970_000,
    "prints_as_a_function": "z" * 2_970_000,
    "floods": "".join(f"line {number:06d}" for number in range(200_000)),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One of its own: the doctor is to find nothing."""
    server = Server(tmp_path_factory.mktemp("home")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sleeping(server: Server) -> Iterator[str]:
    """Another run of the file; nothing that the loud ones do may reach it."""
    run = server.submit(FILE, "sleeps")
    server.wait_running(run, "sleeps", 1)
    before = connections(server, run)
    yield run
    assert connections(server, run) == before, "a link was lost"
    assert server.phase(run) is Phase.RUNNING
    server.abort(run)
    assert server.wait_ended(run) is Phase.ABORTED
    assert doctor(server) == ""


def connections(server: Server, run: str) -> int:
    """How often the executors of this run have connected."""
    rows = server.query(
        "SELECT SUM(e.epoch) AS number FROM runs_executor e WHERE e.id IN (SELECT a.executor_id FROM runs_action a "
        "JOIN runs_run r ON r.id = a.run_id WHERE r.name = ?)", run,
    )  # fmt: skip
    return rows[0]["number"]


def loud(server: Server, run: str, kind: str) -> str:
    (row,) = server.named(run, kind)
    return row["name"]


@pytest.mark.parametrize("kind", PRINTING)
def test_what_is_printed_arrives_whole_and_its_neighbour_is_undisturbed(
    server: Server, sleeping: str, kind: str
):
    run = server.submit(FILE, "main", "--kind", kind)

    assert server.wait_ended(run) is Phase.SUCCEEDED
    assert server.phases(run, "neighbour") == [Phase.SUCCEEDED]
    assert {row["system_failures"] for row in server.actions(run).values()} == {0}
    if kind in PRINTED:
        assert PRINTED[kind] in server.output(run, loud(server, run, kind)).replace("\n", "")


@pytest.mark.parametrize("kind", FAILING)
def test_a_long_message_is_cut_says_so_and_its_parent_gets_the_error(
    server: Server, sleeping: str, kind: str
):
    run = server.submit(FILE, "main", "--kind", kind)

    assert server.wait_ended(run) is Phase.SUCCEEDED
    row = server.actions(run)[loud(server, run, kind)]
    assert (Phase(row["phase"]), row["error_code"]) == (Phase.FAILED, "ValueError")
    assert "it begins so: é" in row["error_message"]
    assert "bytes are left out here" in row["error_message"]
    assert "and ends so" in row["error_message"]
    assert len(row["error_message"].encode()) <= bounds.MAX_MESSAGE_BYTES
    assert server.phases(run, "neighbour") == [Phase.SUCCEEDED]


def test_an_abort_does_not_wait_behind_a_flood(server: Server, sleeping: str):
    flood = server.submit(FILE, "main", "--kind", "floods")
    server.wait_running(flood, "floods", 1)
    run = server.submit(FILE, "sleeps")
    server.wait_running(run, "sleeps", 1)

    server.abort(run)

    assert server.wait_ended(run, seconds=20) is Phase.ABORTED
    assert server.wait_ended(flood) is Phase.SUCCEEDED
    wait_until(lambda: doctor(server) == "", "the doctor finds nothing", 20)
