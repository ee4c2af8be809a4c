"""`flyteui backup`: the database and the storage as they are now, while the server goes on."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.utils import timezone

from runs.backup import archive, databases
from runs.backup.manifest import FORMAT, Manifest, own_version
from runs.domain.addresses.storage import is_local, split_scheme
from runs.domain.errors import AlreadyExists, Invalid
from runs.engine import locks
from runs.engine.retention import files
from runs.store import schema

LOCK = files.BACKUP_LOCK
LOCK_SECONDS = 6 * 3600.0  # that of one which was killed


@dataclass(frozen=True, slots=True)
class Backup:
    """What was backed up; size: of the archive, in bytes."""

    runs: int
    actions: int
    files: int
    skipped: int
    size: int
    has_storage: bool


def make_backup(target: Path) -> Backup:
    """Write the archive. Raises AlreadyExists, or Invalid for a place that it cannot be written to.

    The database comes first: whatever it refers to was in the storage before it was written, and nothing is deleted
    until the files are read. What comes into the storage meanwhile may be in the archive too, and harms nothing.
    """
    storage = _local_storage()
    _check_target(target, storage)
    schema.check_not_newer()
    holder = f"backup {uuid4()}"
    locks.hold(LOCK, holder, seconds=LOCK_SECONDS)
    try:
        with (
            tempfile.TemporaryDirectory(dir=target.parent, prefix=".backup-") as work,
            archive.writing(target) as writer,
        ):
            counts = databases.dump(Path(work))
            migrations = schema.list_applied()
            for file in sorted(Path(work).iterdir()):
                writer.add(file, f"database/{file.name}")
            counts |= {"database_files": writer.files, "database_bytes": writer.size}
            if storage is not None:
                writer.add_folder(storage, "storage")
            counts |= {"files": writer.files, "bytes": writer.size}
            archive.finish(
                writer,
                Manifest(
                    format=FORMAT, version=own_version(), created_at=timezone.now().isoformat(), database=connection.vendor,
                    storage_url=settings.STORAGE_URL, has_storage=storage is not None, migrations=migrations,
                    counts=counts, sums=writer.digest.hexdigest(),
                ),
            )  # fmt: skip
    finally:
        locks.release(LOCK, holder)
    return Backup(
        runs=counts["runs_run"], actions=counts["runs_action"], files=counts["files"] - counts["database_files"],
        skipped=writer.skipped, size=target.stat().st_size, has_storage=storage is not None,
    )  # fmt: skip


def _local_storage() -> Path | None:
    return Path(split_scheme(settings.STORAGE_URL)[1]) if is_local(settings.STORAGE_URL) else None


def _check_target(target: Path, storage: Path | None) -> None:
    if target.exists():
        raise AlreadyExists(f"{target} exists already; a backup overwrites nothing")
    if not target.parent.is_dir():
        raise Invalid(f"there is no folder {str(target.parent)!r} to write the backup to")
    if storage is not None and target.resolve().is_relative_to(storage.resolve()):
        raise Invalid(
            f"{target} is in the storage {storage}, which is what is backed up; choose another place"
        )
