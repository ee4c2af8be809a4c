"""Executors as another user: what is said when that cannot be, and what a process that was started so may read."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from runs.executor.worker.other_user import (
    CannotBecome,
    OtherUser,
    check_start,
    environments_of,
    find_user,
    make_folder,
)

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else takes root")


@pytest.fixture
def nobody(tmp_path: Path) -> OtherUser:
    return replace(find_user("nobody"), folder=tmp_path / "executors")


def test_a_user_that_there_is_not_is_named():
    with pytest.raises(CannotBecome, match="no user 'nobody-of-that-name' on this machine"):
        find_user("nobody-of-that-name")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may become anybody")
def test_without_the_capability_it_is_said_what_is_missing(nobody: OtherUser):
    with pytest.raises(CannotBecome, match="start the worker as root, or give it CAP_SETUID"):
        check_start(nobody, "/bin/sh")


@is_root
def test_a_program_that_they_cannot_run_is_named(nobody: OtherUser, tmp_path: Path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)

    with pytest.raises(CannotBecome, match=f"'nobody' cannot run {program}"):
        check_start(nobody, str(program))


@is_root
def test_a_process_of_theirs_reads_no_secret_of_the_server(nobody: OtherUser, tmp_path: Path):
    secret = tmp_path / ".secret_key"
    secret.write_text("x")
    secret.chmod(0o600)

    done = subprocess.run(
        ["/bin/sh", "-c", f"id -u; id -G; cat {secret}"], cwd="/", capture_output=True, text=True, check=False,
        **nobody.process_options,
    )  # fmt: skip

    assert done.stdout.split()[0] == str(nobody.uid)
    assert "0" not in done.stdout.split()[1:], "no group of root"
    assert "denied" in done.stderr


@is_root
def test_their_folder_is_theirs_alone_and_no_other_is_taken(nobody: OtherUser):
    folder = make_folder(nobody)

    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (nobody.uid, 0o700)
    assert make_folder(nobody) == folder
    os.chown(folder, nobody.uid + 1, nobody.gid)
    with pytest.raises(CannotBecome, match="belongs to somebody else"):
        make_folder(nobody)


def test_environments_that_would_be_in_the_servers_home_are_in_their_folder(
    nobody: OtherUser, tmp_path: Path
):
    home = tmp_path / "home"

    assert environments_of(nobody, home / "environments", home) == nobody.folder / "environments"


@is_root
def test_a_configured_place_for_environments_is_theirs_to_write_or_refused(nobody: OtherUser):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        new, not_theirs = Path(folder) / "new" / "environments", Path(folder) / "mine"
        not_theirs.mkdir()
        not_theirs.chmod(0o755)

        assert environments_of(nobody, new, Path("/home/server")) == new
        assert (new.stat().st_uid, new.stat().st_mode & 0o777) == (nobody.uid, 0o755)
        with pytest.raises(CannotBecome, match=f"cannot write in {not_theirs} .FLYTEUI_ENVIRONMENTS"):
            environments_of(nobody, not_theirs, Path("/home/server"))


def test_who_has_no_home_has_their_folder_for_one(nobody: OtherUser, tmp_path: Path):
    there = replace(nobody, home=str(tmp_path))

    assert there.variables["HOME"] == str(tmp_path)
    assert replace(nobody, home="/nonexistent").variables["HOME"] == str(nobody.folder)
