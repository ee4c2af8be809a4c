"""Packs: the small inputs and outputs of a run that has ended, in one file. Pure files; no settings and no rows.

A file of 50 bytes takes 4,096 of a disk, and so does each of the two folders around it. A pack is a SQLite database that is written
once, renamed into place and then only read, so its readers need no lock and may be elsewhere.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

NAME = "_values.pack"  # no action is named so
PACKED_NAMES = frozenset({"inputs.pb", "outputs.pb", "error.pb"})
MAX_BYTES = 16 * 1024  # of a file; a larger one stays, since it wastes little
PAUSE_EVERY, PAUSE_SECONDS = 200, 0.005  # files; the event loop of this process wants its turn
_TABLE = 'CREATE TABLE "values" (path TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID'
_INSERT = 'INSERT OR REPLACE INTO "values" VALUES (?, ?)'


@dataclass(frozen=True, slots=True)
class Packed:
    """How many files were packed, and their bytes."""

    files: int = 0
    bytes: int = 0


def pack(
    folder: Path, *, is_used: Callable[[str], bool], before: float = float("inf"), stop: Event | None = None
) -> Packed | None:
    """Put the values in a run's folder into its pack, but for those that somebody reads by their address.

    is_used: told the path below the folder. before: Unix seconds; a folder that was touched later is left alone, and so is one that is
    gone: the result is None, as when `stop` is set in between; then it is done again.
    """
    stop = stop or Event()
    try:
        with _locked(folder):
            if folder.stat().st_mtime >= before:
                return None
            found = [path for path in _list_values(folder) if not is_used(path)]
            made = _write(folder, found, stop) if found else Packed()
            if made is None or not _remove(folder, found, stop):
                return None
            return made
    except FileNotFoundError:
        return None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Packing and unpacking exclude each other, in all processes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _list_values(folder: Path) -> list[str]:
    """Paths below the folder: <action>/inputs.pb, <action>/<attempt>/outputs.pb."""
    found = []
    for root, folders, files in os.walk(folder):
        depth = len(Path(root).relative_to(folder).parts)
        if depth == 2:
            folders.clear()
        for name in files:
            path = Path(root, name)
            if depth and name in PACKED_NAMES and not path.is_symlink() and path.stat().st_size <= MAX_BYTES:
                found.append(str(path.relative_to(folder)))
    return found


def _write(folder: Path, paths: list[str], stop: Event) -> Packed | None:
    """A new pack with these files and what the old one had; None when asked to stop."""
    partial, size = folder / f"{NAME}.partial", 0
    partial.unlink(missing_ok=True)
    try:
        with closing(_create(partial)) as database, database:
            if (folder / NAME).exists():
                database.executemany(_INSERT, read_all(folder / NAME))
            for number, path in enumerate(paths):
                if number % PAUSE_EVERY == 0 and stop.wait(PAUSE_SECONDS):
                    return None
                data = (folder / path).read_bytes()
                database.execute(_INSERT, (path, data))
                size += len(data)
        _put(partial, folder / NAME)
    finally:
        partial.unlink(missing_ok=True)
    return Packed(len(paths), size)


def _create(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path)
    # Nobody reads it before it is whole and on the disk.
    database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA page_size=4096;")
    database.execute(_TABLE)
    return database


def _put(partial: Path, path: Path) -> None:
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(path)


def _remove(folder: Path, paths: list[str], stop: Event) -> bool:
    """The pack has them; folders that are empty now go too. False when asked to stop, which leaves both."""
    for number, path in enumerate(paths):
        if number % PAUSE_EVERY == 0 and stop.wait(PAUSE_SECONDS):
            return False
        (folder / path).unlink(missing_ok=True)
        for parent in (folder / path).parents:
            if parent == folder:
                break
            with suppress(OSError):
                parent.rmdir()
    return True


def unpack(folder: Path) -> None:
    """Make files of the values again, for whoever reads them by their addresses. A touched folder is not packed for a while."""
    with suppress(FileNotFoundError), _locked(folder):
        os.utime(folder)
        if not (folder / NAME).exists():
            return
        for path, data in read_all(folder / NAME):
            _write_back(folder / path, data)
        (folder / NAME).unlink()


def provide(file: Path, *, below: Path) -> None:
    """Make a file of one value again, if a pack has it. Who packs it now is waited for, and its run is not packed for a while.

    below: the storage; folders outside of it are not touched.
    """
    if file.name not in PACKED_NAMES:
        return
    for folder in file.parents[1:3]:
        if below not in folder.resolve().parents:
            continue
        with suppress(FileNotFoundError, NotADirectoryError), _locked(folder):
            os.utime(folder)
            if not file.exists() and (data := read_value(file)) is not None:
                _write_back(file, data)


def _write_back(file: Path, data: bytes) -> None:
    """What is there already is as new, or newer."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        partial = file.with_suffix(".partial")
        partial.write_bytes(data)
        partial.replace(file)


def find_pack(file: Path) -> Path | None:
    """The pack of the run to which this file would belong."""
    if file.name not in PACKED_NAMES:
        return None
    return next((folder / NAME for folder in file.parents[1:3] if (folder / NAME).exists()), None)


def read_value(file: Path) -> bytes | None:
    """What a pack has in place of this file; None when none has."""
    if (pack_file := find_pack(file)) is not None:
        with suppress(sqlite3.OperationalError), closing(_open(pack_file)) as database:
            path = str(file.relative_to(pack_file.parent))
            if row := database.execute('SELECT data FROM "values" WHERE path = ?', [path]).fetchone():
                return bytes(row[0])
    # It may have been unpacked since somebody looked for the file.
    with suppress(FileNotFoundError, NotADirectoryError):
        return file.read_bytes()
    return None


def read_all(pack_file: Path) -> list[tuple[str, bytes]]:
    with closing(_open(pack_file)) as database:
        return database.execute('SELECT path, data FROM "values"').fetchall()


def _open(pack_file: Path) -> sqlite3.Connection:
    """Read only: who comes after the pack has become files again must not leave an empty one."""
    return sqlite3.connect(f"{pack_file.as_uri()}?mode=ro&immutable=1", uri=True)


def change_values(pack_file: Path, change: Callable[[str, bytes], bytes]) -> None:
    """Write the pack anew, with what `change` makes of each path and value."""
    partial = pack_file.with_name(f"{NAME}.partial")
    with closing(_create(partial)) as database, database:
        database.executemany(_INSERT, ((path, change(path, data)) for path, data in read_all(pack_file)))
    _put(partial, pack_file)
