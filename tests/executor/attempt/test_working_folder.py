"""A working folder: the bundle's files are in it, and what changes there does not change the bundle."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runs.executor.attempt.working_folder import WorkingFolder

# What an action may do where it is. Each changes what is listed behind it, in its own folder only.
CHANGES = {
    "open('new.txt', 'w').write('x')": ["new.txt"],
    "open('known.txt', 'a').write('x')": ["known.txt"],
    "open('known.txt', 'r+b').truncate(1)": ["known.txt"],
    "os.truncate('known.txt', 1)": ["known.txt"],
    "os.remove('known.txt')": ["known.txt"],
    "os.rename('known.txt', 'data/moved.txt')": ["data/moved.txt", "known.txt"],
    "os.mkdir('data/new')": ["data/new"],
    "open('data/deep/known.txt', 'w').write('x')": ["data/deep/known.txt"],
    "open('./data/../data/deep/new.txt', 'w').write('x')": ["data/deep/new.txt"],
    "os.symlink('known.txt', 'data/link.txt')": ["data/link.txt"],
    "os.chmod('known.txt', 0o700)": ["known.txt"],
    "os.utime('known.txt', (1, 1))": ["known.txt"],
    "shutil.rmtree('data/deep')": ["data/deep", "data/deep/known.txt"],
    "os.chdir('data'); open('new.txt', 'w').write('x')": ["data/new.txt"],
    "open(b'known.txt', 'w').write('x')": ["known.txt"],
    "open(os.path.abspath('known.txt'), 'w').write('x')": ["known.txt"],
    "__import__('sqlite3').connect('data/new.db').execute('CREATE TABLE t (n)')": ["data/new.db"],
    "__import__('sqlite3').connect(':memory:')": [],
    "open('known.txt').read(); os.listdir('data'); os.path.exists('data')": [],
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "data" / "deep").mkdir(parents=True)
    for path in ("known.txt", "data/known.txt", "data/deep/known.txt"):
        (folder / path).write_text("as bundled")
    return folder


def state_of(folder: Path) -> dict[str, tuple[str, int, float]]:
    """What is below a folder, links followed."""
    found = {}
    for root, folders, files in os.walk(folder, followlinks=True):
        for name in (*folders, *files):
            path = Path(root, name)
            status = path.stat()
            text = "" if path.is_dir() or name.endswith(".db") else path.read_text()
            mtime = 0.0 if path.is_dir() else status.st_mtime
            found[str(path.relative_to(folder))] = text, status.st_mode, mtime
    return found


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_there_does_not_change_the_bundle(bundle: Path, tmp_path: Path, change: str) -> None:
    own, before = tmp_path / "own", state_of(bundle)
    code = (
        "import os, pathlib, shutil, sys; from runs.executor.attempt.working_folder import WorkingFolder\n"
        f"WorkingFolder(pathlib.Path({str(own)!r}), pathlib.Path({str(bundle)!r})).enter(frozenset())\n{change}"
    )

    subprocess.run([sys.executable, "-c", code], check=True)

    assert state_of(bundle) == before
    after = state_of(own)
    assert (
        sorted(path for path in {*before, *after} if before.get(path) != after.get(path)) == CHANGES[change]
    )


def test_files_of_the_bundle_are_found_without_a_copy(bundle: Path, tmp_path: Path) -> None:
    own = WorkingFolder(tmp_path / "own", bundle)

    assert state_of(own.path) == state_of(bundle)
    assert all(entry.is_symlink() for entry in own.path.iterdir())
