"""Actions share a process, and each sees its own output and its own variables."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from runs.domain.phases import Phase
from runs.executor.attempt.environ import without_own
from tests.executor.conftest import Bench


async def test_each_line_belongs_to_the_action_that_wrote_it(bench: Bench) -> None:
    root = await bench.run("talk_together", n=8)

    children = bench.server.of("a0")
    assert root.phase is Phase.SUCCEEDED
    assert len(children) == 8
    seen = set()
    for child in children:
        lines = bench.server.lines(child.key.name)
        n = lines[0][1].split()[1]
        seen.add(n)
        assert ("out", f"out {n} a\n") in lines
        assert ("err", f"err {n}\n") in lines
        assert ("out", f"no newline {n}!\n") in lines
        assert ("out", f"thread {n}\n") in lines
        assert any(stream == "log" and text.endswith(f"log {n}\n") for stream, text in lines)
        others = [text for _, text in lines if f" {n}" not in text]
        assert others == []
    assert seen == {str(n) for n in range(8)}


async def test_each_action_reads_its_own_variables(bench: Bench) -> None:
    root = await bench.run("talk_together", n=3)

    told = await bench.outputs("talk_together", root)
    assert sorted(told) == sorted(f"{c.key.name} run1 0 {c.key.name}" for c in bench.server.of("a0"))


async def test_user_code_sees_no_secret_and_no_package_of_ours(bench: Bench) -> None:
    root = await bench.run("looks_around")

    assert await bench.outputs("looks_around", root) == ["own runs package", "__main__ None"]


async def test_a_task_that_exits_fails_alone(bench: Bench) -> None:
    sleeping = await bench.start("sleeper", n=1, run=1)
    root = await bench.run("exits", run=2)

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert root.failure.code == "SystemExit"
    assert sleeping.phase in {Phase.INITIALIZING, Phase.RUNNING}
    assert bench.process is not None
    assert bench.process.returncode is None


def test_the_checkout_is_hidden_but_not_the_folder_of_everybodys_packages() -> None:
    installed = sysconfig.get_path("purelib")

    assert without_own(["", "/code", "/checkout", installed], Path("/checkout")) == ["/code", installed]
    assert without_own(["", "/code", installed], Path(installed)) == ["/code", installed]
