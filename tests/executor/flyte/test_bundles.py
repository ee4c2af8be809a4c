"""Bundles that cannot be unpacked, modules that cannot be imported, attempts that go on from earlier ones."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from runs.domain.phases import Phase
from runs.executor.flyte import bundles
from runs.protocol.frames import ChildUpdate
from tests.executor.conftest import Bench
from tests.support.executor import user_code
from tests.support.executor.fake_server import update_of


async def test_a_module_that_cannot_be_imported_fails_the_action_with_its_traceback(bench: Bench) -> None:
    (bench.folder / "held.py").write_text("import no_such_package\n")
    archive = bench.folder / "fastabc.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(bench.folder / "held.py", "held.py")

    root = await bench.run("double", n=1)

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert (root.failure.code, root.failure.kind) == ("ModuleNotFoundError", "user")
    assert "import no_such_package" in root.failure.message
    assert "Traceback" in root.failure.message
    assert Path(root.output_uri.removeprefix("file://"), "error.pb").exists()


async def test_a_bundle_that_is_no_tar_fails_the_action(bench: Bench) -> None:
    (bench.folder / "fastabc.tar.gz").write_bytes(b"this is no tar")

    root = await bench.run("double", n=1)

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert (root.failure.code, root.failure.recoverable) == ("InvalidBundle", False)
    assert "not a gzip'ed tar file" in root.failure.message


def tar_with(path: Path, member: tarfile.TarInfo, content: bytes = b"x") -> Path:
    member.size = 0 if member.issym() else len(content)
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("name", ["../outside.py", "/../../outside.py", "a/../../outside.py"])
def test_a_member_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    archive = tar_with(tmp_path / "b.tar.gz", tarfile.TarInfo(name))
    (tmp_path / "in").mkdir()

    with pytest.raises(bundles.InvalidBundle, match="outside"):
        bundles.unpack(archive, tmp_path / "in")

    assert not list(tmp_path.rglob("outside.py"))


def test_a_link_to_the_outside_is_refused(tmp_path: Path) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "../../etc/passwd"
    archive = tar_with(tmp_path / "b.tar.gz", link)
    (tmp_path / "in").mkdir()

    with pytest.raises(bundles.InvalidBundle, match="link"):
        bundles.unpack(archive, tmp_path / "in")


def test_a_bundle_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MAX_BYTES", 10)
    archive = tar_with(tmp_path / "b.tar.gz", tarfile.TarInfo("big"), b"x" * 100)
    (tmp_path / "in").mkdir()

    with pytest.raises(bundles.InvalidBundle, match="larger than"):
        bundles.unpack(archive, tmp_path / "in")


async def test_a_bundle_is_fetched_once_and_laid_out_for_the_sdk(tmp_path: Path) -> None:
    uri = user_code.bundle(tmp_path, "held")
    folder = await bundles.prepare_bundle(uri, tmp_path / "home")
    Path(uri.removeprefix("file://")).unlink()

    again = await bundles.prepare_bundle(uri, tmp_path / "home")

    assert again == folder
    assert (folder / "held.py").exists()
    assert (folder / ".fastabc.tar.gz.extracted").exists()
    assert [entry.name for entry in folder.parent.iterdir()] == [folder.name]


async def test_a_missing_bundle_says_so(tmp_path: Path) -> None:
    with pytest.raises(bundles.InvalidBundle, match="not in storage"):
        await bundles.prepare_bundle((tmp_path / "gone.tar.gz").as_uri(), tmp_path / "home")


async def test_a_child_that_ended_in_an_earlier_attempt_is_not_run_again(bench: Bench) -> None:
    first = await bench.run("nested", n=4)
    (child,) = bench.server.of("a0")
    children: list[ChildUpdate] = [update_of(child)]
    child_ends = sum(1 for e in bench.server.events if getattr(e, "key", None) == child.key)

    first.phase, first.children, first.attempt = Phase.QUEUED, children, 2
    first.output_uri = first.output_uri.removesuffix("1") + "2"
    await bench.server.lease(first)
    again = await bench.server.until_ended(first.key)

    assert again.phase is Phase.SUCCEEDED
    assert await bench.outputs("nested", again) == 9
    assert sum(1 for e in bench.server.events if getattr(e, "key", None) == child.key) == child_ends
