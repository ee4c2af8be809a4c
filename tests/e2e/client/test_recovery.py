"""`flyte rerun --recover` with the real client: what has succeeded does not run again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from runs.domain.phases import Phase
from runs.store import packs
from tests.support.server.server import RUN_URL, Server

FILE = "tests/workflows/recovering.py"


def counted(count: Path) -> Counter[str]:
    return Counter(count.read_text().splitlines())


def rerun(server: Server, *arguments: str) -> str:
    printed = server.cli("rerun", *arguments)
    found = RUN_URL.search(printed.replace("\n", "").replace("│", "").replace(" ", ""))
    assert found, printed
    return found.group(4)


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "count", tmp_path / "cure"


def fail(server: Server, task: str, count: Path, cure: Path) -> str:
    run = server.submit(FILE, task, "--count", str(count), "--cure", str(cure))
    assert server.wait_ended(run) is Phase.FAILED
    cure.write_text("cured")
    return run


def details(server: Server, run: str, action: str = "a0") -> Any:
    request = {"actionId": {"run": server.run_id(run), "name": action}}
    return server.call("flyteidl2.workflow.RunService/GetActionDetails", request).json()["details"]


def test_only_what_failed_runs_again(server: Server, paths: tuple[Path, Path]):
    run = fail(server, "main", *paths)

    again = rerun(server, run, "--recover")

    assert server.wait_ended(again) is Phase.SUCCEEDED, server.actions(again)["a0"]["error_message"]
    assert "[4, 9] 8 cured" in server.cli("get", "io", again)
    assert counted(paths[0]) == {"computes 2": 1, "computes 3": 1, "plainly 4": 1, "needs_a_cure": 2}
    assert server.phases(again, "computes") == [Phase.RECOVERED] * 2
    relation = details(server, again)["metadata"]["relation"]
    assert (relation["relationType"], relation["relatedTo"]["name"]) == ("RELATION_TYPE_RECOVER", run)
    name = server.named(again, "computes")[0]["name"]
    recovered = details(server, again, name)
    assert recovered["metadata"]["recoveredFrom"]["run"]["name"] == run
    (attempt,) = recovered["attempts"]
    assert "cacheMetadata" not in attempt
    assert f"/{run}/" in attempt["outputs"]["outputUri"]


def test_what_is_forced_runs_again_also_below_a_plain_parent(server: Server, paths: tuple[Path, Path]):
    run = fail(server, "main_plainly", *paths)

    recovered = rerun(server, run, "--recover")
    assert server.wait_ended(recovered) is Phase.SUCCEEDED, server.actions(recovered)["a0"]["error_message"]
    assert counted(paths[0])["plainly 5"] == 1
    (done,) = server.named(run, "computes_plainly")
    forced = rerun(server, run, "--recover", "--force-rerun-action", done["name"])

    assert server.wait_ended(forced) is Phase.SUCCEEDED
    assert counted(paths[0])["plainly 5"] == 2


def test_a_run_whose_values_are_packed_is_shown_rerun_and_recovered_as_before(
    server: Server, paths: tuple[Path, Path]
):
    run = fail(server, "main", *paths)
    (done, *_) = server.named(run, "computes")
    shown = server.cli("get", "io", run, done["name"])
    folder = server.home / "storage" / "flytesnacks" / "development" / run

    packed = packs.pack(folder, is_used=lambda _: False)

    assert packed is not None
    assert not [*folder.rglob("*.pb")]
    assert server.cli("get", "io", run, done["name"]) == shown
    again = rerun(server, run, "--recover")
    assert server.wait_ended(again) is Phase.SUCCEEDED, server.actions(again)["a0"]["error_message"]
    assert "[4, 9] 8 cured" in server.cli("get", "io", again)
    assert counted(paths[0])["computes 2"] == 1
