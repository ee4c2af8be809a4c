"""Secrets of actions that share a process: each sees its own, in every way, and lets none out."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs.domain.failures import Failure
from runs.domain.phases import Phase
from runs.executor.attempt import secrets
from runs.executor.attempt.masking import MASK
from runs.protocol import frames
from tests.executor.conftest import Bench, note
from tests.support.executor import user_code
from tests.support.executor.fake_server import FakeAction

WORKFLOW = "secretive"
MINE, OTHER, CERT = (
    b"mine-correct-horse",
    b"other-battery-staple",
    b"-----BEGIN-----\nline of it\n-----END-----\n",
)
# On the loop that actions share, alone, and as a plain function: the task, and whether it is leased alone.
THREE_WAYS = {
    name: [(name, False), (name, True), (f"{name}_in_a_process", False)]
    for name in ("reads_files", "leaks", "reports")
}


@pytest.fixture(autouse=True)
def _kept(bench: Bench) -> None:
    bench.server.secrets = {"mine": MINE, "other": OTHER, "cert": CERT}


def digest(value: bytes) -> str:
    text: str = user_code.load(WORKFLOW).digest(value.decode())
    return text


def everything_of(bench: Bench) -> bytes:
    """All that is left in the folders of a test, and all that the executor has sent."""
    files = [path.read_bytes() for path in bench.folder.rglob("*") if path.is_file()]
    return b"".join((*files, repr(bench.server.events).encode()))


def lines_of(bench: Bench, run: int) -> list[tuple[str, str]]:
    printed = [event for event in bench.server.events if isinstance(event, frames.LogLines)]
    return [(stream, text) for event in printed if event.key.run == run for _, stream, text in event.lines]


async def test_actions_in_one_process_see_their_own_between_awaits_in_threads_and_in_processes(bench: Bench):
    root = await bench.start("together", gate=bench.env["GATE"])
    await bench.server.until(
        lambda: [one.phase for one in bench.server.of("a0")] == [Phase.RUNNING] * 3, "all three run"
    )
    bench.open_gate()
    await bench.server.until_ended(root.key)

    assert await bench.outputs("together", root) == [
        [digest(MINE)],
        [digest(OTHER)],
        ["False", "None", "None", "sees gnihton"],
    ]
    assert bench.process is not None
    environment = Path(f"/proc/{bench.process.pid}/environ")
    assert not environment.exists() or MINE not in environment.read_bytes()


async def test_code_may_change_its_variable_for_itself(bench: Bench):
    root = await bench.run("changes_it")
    again = await bench.run("changes_it", run=2)

    for one in (root, again):
        assert await bench.outputs("changes_it", one) == [digest(MINE), "False", "set"]


async def test_a_file_is_private_and_gone_with_the_action(bench: Bench):
    for run, (task, is_alone) in enumerate(THREE_WAYS["reads_files"], start=1):
        bench.server.leases_alone = is_alone
        root = await bench.run(task, run=run)

        assert root.phase is Phase.SUCCEEDED, root.failure
        found = await bench.outputs(task, root)
        assert found[:5] == ["0o700", "0o400", digest(CERT), digest(MINE), "cert"]
        assert found[5:] == ([digest(MINE)] if task.endswith("process") else [])
    lines = [text for run in (1, 2, 3) for _, text in lines_of(bench, run)]
    folders = {Path(text.split()[1]) for text in lines if text.startswith("folder ")}
    assert len(folders) == 3
    assert not any(folder.exists() for folder in folders)
    assert MINE not in everything_of(bench)
    assert b"line of it" not in everything_of(bench)


async def test_what_code_prints_raises_and_reports_is_masked_before_it_leaves(bench: Bench):
    for run, (task, is_alone) in enumerate(THREE_WAYS["leaks"], start=1):
        bench.server.leases_alone = is_alone
        root = await bench.run(task, run=run)

        assert root.failure is not None
        assert (root.failure.code, root.failure.message) == ("ValueError", f"refused for {MASK}")
        printed = set(lines_of(bench, run))
        assert {(stream, f"plain {MASK} end\n") for stream in ("out", "err")} <= printed
        assert {("err", f"raw {MASK}\n"), ("out", f"from sh {MASK}\n")} <= printed
        assert any(stream == "log" and f"logged {MASK}" in text for stream, text in printed)
        assert any(text.startswith("basic ") and MASK in text for _, text in printed)
    for run, (task, is_alone) in enumerate(THREE_WAYS["reports"], start=11):
        bench.server.leases_alone = is_alone
        root = await bench.run(task, run=run)

        assert root.phase is Phase.SUCCEEDED, root.failure
        (report,) = (bench.folder / "storage" / f"run{run}").rglob("report.html")
        assert f"the token is {MASK}" in report.read_text()
    bench.server.leases_alone = False
    root = await bench.run("leaks_in_a_trace", run=21)

    # Where code catches an error, it is whole; where it is kept, it is not.
    assert await bench.outputs("leaks_in_a_trace", root) == digest(b"traced " + MINE)
    kept = b"".join(path.read_bytes() for path in (bench.folder / "storage" / "run21").rglob("error.pb"))
    assert f"traced {MASK}".encode() in kept
    assert MINE not in everything_of(bench)


async def test_an_action_that_may_not_begin_fails_before_its_module_is_imported(bench: Bench):
    failure = Failure(
        "SecretNotFound", "There is no secret 'mine'. Create it: flyte create secret mine", "user"
    )
    bench.server.problems["a0"] = failure
    bench.bundle_uri = user_code.bundle(bench.folder, "held")  # importing `secretive` would fail

    root = await bench.run("changes_it")

    assert (root.phase, root.failure) == (Phase.FAILED, failure)
    assert b"There is no secret 'mine'" in everything_of(bench)
    assert ("err", f"{failure.message}\n") in lines_of(bench, 1)


async def folder_of(bench: Bench, root: FakeAction) -> Path:
    """Where the files of an action are that runs, once it has said so."""

    def said() -> list[str]:
        return [text for _, text in lines_of(bench, root.key.run) if text.startswith("folder ")]

    await bench.server.until(lambda: root.phase is Phase.RUNNING and said(), "it runs and has its file")
    return Path(said()[0].split()[1])


async def test_files_go_when_an_abort_ends_the_action(bench: Bench):
    for run, task in enumerate(("holds_its_file", "holds_its_file_in_a_process"), start=1):
        root = await bench.start(task, run=run)
        folder = await folder_of(bench, root)
        assert (folder / "cert").exists()

        await bench.server.abort(root.key, note())
        await bench.server.until_ended(root.key)

        assert root.phase is Phase.ABORTED
        assert not folder.exists()


@pytest.mark.parametrize("has_memory", [True, False])
def test_what_an_executor_leaves_is_removed_and_nothing_of_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_memory: bool
):
    if not has_memory:
        monkeypatch.setattr(secrets, "MEMORY", tmp_path / "no such folder")
    home, values = str(tmp_path), [frames.SecretValue("cert", "", CERT)]
    folders = {}
    for executor in ("e-1", "e-11"):
        lease = frames.Lease(frames.Key(1, "a0"), 1, 1, "", "", secrets=values)
        folders[executor] = secrets.folder_of(home, executor, lease)
        secrets.ActionSecrets(lease).make_files(folders[executor])

    secrets.remove_all(home, "e-1")

    assert not folders["e-1"].exists()
    assert (folders["e-11"] / "cert").read_bytes() == CERT
    secrets.remove_all(home, "e-11")


def test_a_folder_that_somebody_else_has_made_is_not_used(tmp_path: Path):
    lease = frames.Lease(frames.Key(1, "a0"), 1, 1, "", "", secrets=[frames.SecretValue("cert", "", CERT)])
    (tmp_path / "there").mkdir()

    with pytest.raises(FileExistsError):
        secrets.ActionSecrets(lease).make_files(tmp_path / "there")
