"""`@flyte.trace` and `flyte.group` with the real client: what is recorded, and how often the traced functions run."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

from runs.domain.phases import Kind, Phase
from tests.support.server.server import Server, wait_until

FILE = "tests/workflows/traced.py"


def counted(count: Path) -> Counter[str]:
    """How often each traced function ran."""
    return Counter(line.split()[0] for line in count.read_text().splitlines())


def submit(server: Server, task: str, folder: Path, **inputs: str) -> tuple[str, Path]:
    count = folder / "count"
    options = [word for name, value in inputs.items() for word in (f"--{name}", value)]
    return server.submit(FILE, task, "--count", str(count), *options), count


def succeed(server: Server, run: str) -> str:
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return " ".join(server.cli("get", "io", run).replace("│", " ").split())


def test_traces_are_recorded_with_their_ends_times_and_group(server: Server, tmp_path: Path):
    run, _ = submit(server, "traces_all", tmp_path)

    assert "[1, 2, 3] ['ValueError', 'Hopeless']" in succeed(server, run)

    rows = [row for row in server.actions(run).values() if row["kind"] == Kind.TRACE]
    sums = [row for row in rows if row["short_name"] == "adds"]
    assert [(Phase(row["phase"]), row["group"]) for row in sums] == [(Phase.SUCCEEDED, "sums")] * 3
    assert all(Path(row["output_uri"].removeprefix("file://")).is_file() for row in sums)
    failed = {row["short_name"]: row for row in rows if Phase(row["phase"]) is Phase.FAILED}
    assert failed["fails_once"]["error_code"] == "ValueError"
    assert failed["fails_once"]["error_recoverable"] == 1
    assert failed["is_hopeless"]["error_code"] == "HopelessCode"
    assert "never again" in failed["is_hopeless"]["error_message"]
    assert failed["is_hopeless"]["error_recoverable"] == 0
    assert all(row["started_at"] <= row["ended_at"] for row in rows)
    shown = server.cli("get", "action", run, sums[0]["name"])
    assert "adds" in shown
    assert "sums" in shown


def test_a_retry_runs_only_what_failed_and_may_be_tried_again(server: Server, tmp_path: Path):
    run, count = submit(server, "tries_again", tmp_path)

    assert "fine now" in succeed(server, run)

    ran = counted(count)
    assert (ran["adds1"], ran["fails_once"], ran["is_hopeless"]) == (1, 2, 1)
    assert server.actions(run)["a0"]["attempt"] == 2
    said = count.read_text()
    assert said.count("never again") == 2, "the second attempt hears the error of the first"
    (again,) = server.named(run, "fails_once")
    assert Phase(again["phase"]) is Phase.FAILED, "terminal is final: the record of the first try stays"


def test_what_was_traced_before_the_process_was_killed_does_not_run_again(server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run, count = submit(server, "outlives_its_process", tmp_path, gate=str(gate))
    said = wait_until(lambda: server.output(run), "it says where it runs")
    wait_until(lambda: server.named(run, "adds"), "its first trace is recorded")

    os.kill(int(said.split()[1]), signal.SIGKILL)
    wait_until(lambda: server.output(run).count("pid ") == 2, "another process runs it")
    gate.touch()

    assert "2 3" in succeed(server, run)
    assert counted(count) == {"adds1": 1, "adds2": 1}


def test_a_plain_function_replays_its_traces_too(server: Server, tmp_path: Path):
    run, count = submit(server, "plain_tries_again", tmp_path)

    assert "8" in succeed(server, run)
    assert counted(count) == {"doubles4": 1}
