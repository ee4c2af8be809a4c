"""`flyteui restore`: a backup into a home without a database and without files."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from runs.backup import archive, databases, moving
from runs.backup.manifest import Manifest, check_fits
from runs.domain.addresses.storage import is_local, split_scheme
from runs.domain.errors import Conflict
from runs.engine import leases, locks
from runs.engine.images import table as images
from runs.models import Executor

WHY = "the database was restored from a backup"


@dataclass(frozen=True, slots=True)
class Restored:
    """executors: those that lived then, whose actions run again; moved_from: the storage of the backup, when this is another one."""

    manifest: Manifest
    executors: int
    moved_from: str


def restore_backup(source: Path) -> Restored:
    """Restore all of it, or nothing. Raises Invalid (the archive is damaged) or Conflict (it does not belong here).

    It is unpacked and checked beside its place; then its files are put into place, the database last.
    """
    with archive.reading(source) as (packed, manifest):
        check_fits(manifest)
        _check_empty(manifest)
        # On the disk of the home, so that it is put into place by renaming.
        with tempfile.TemporaryDirectory(dir=settings.HOME, prefix=".restoring-") as work:
            return _restore(packed, manifest, Path(work))


def _restore(packed: zipfile.ZipFile, manifest: Manifest, work: Path) -> Restored:
    archive.unpack(packed, manifest, work)
    move = None
    if manifest.has_storage and manifest.storage_url != settings.STORAGE_URL:
        move = moving.Move(manifest.storage_url, settings.STORAGE_URL)
        moving.move_files(move, work / "storage")
    with _removed_on_failure():
        _place_storage(work / "storage")
        databases.load(work / "database", manifest.migrations)
        call_command("migrate", verbosity=0)
        left = _begin(move)
    return Restored(manifest, left, manifest.storage_url if move else "")


def _begin(move: moving.Move | None) -> int:
    """Make the rows those of this installation; returns how many executors lived when the backup was made.

    Their processes belong to the server that was backed up. What they held runs again, as after a crash.
    """
    with transaction.atomic():
        if move is not None:
            moving.move_rows(move)
        locks.release_all()
        left = list(Executor.objects.exclude(state=Executor.State.GONE).values_list("pk", flat=True))
        for executor in left:
            leases.end_executor(executor, WHY, was_stopped=True)
        images.forget_all()  # environments are no part of a backup
    return len(left)


@contextmanager
def _removed_on_failure() -> Iterator[None]:
    """Both places were empty before, so what is in them is from here."""
    try:
        yield
    except BaseException:
        databases.clear()
        if is_local(settings.STORAGE_URL):
            shutil.rmtree(_storage_folder(), ignore_errors=True)
        raise


def _check_empty(manifest: Manifest) -> None:
    if not databases.is_empty():
        raise Conflict(
            "there is a database already, and a restore replaces nothing. Name an empty home (FLYTEUI_HOME) or an empty "
            "database (FLYTEUI_DATABASE_URL)"
        )
    if not manifest.has_storage:
        if manifest.storage_url != settings.STORAGE_URL:
            raise Conflict(
                f"the files of this backup are in {manifest.storage_url}, not in it; set FLYTEUI_STORAGE_URL to that"
            )
        return
    if not is_local(settings.STORAGE_URL):
        raise Conflict(
            f"the backup has files of a local storage, and FLYTEUI_STORAGE_URL is {settings.STORAGE_URL}; "
            "restore it with a local one"
        )
    folder = _storage_folder()
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(
            f"there are files in {folder} already, and a restore replaces nothing; name an empty storage"
        )


def _storage_folder() -> Path:
    return Path(split_scheme(settings.STORAGE_URL)[1])


def _place_storage(unpacked: Path) -> None:
    if unpacked.is_dir():
        folder = _storage_folder()
        folder.mkdir(parents=True, exist_ok=True)
        for entry in unpacked.iterdir():
            shutil.move(entry, folder / entry.name)
