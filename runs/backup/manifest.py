"""What an archive says about itself, so that it can be judged before anything is unpacked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version

from django.db import connection

from runs.domain.errors import Conflict, Invalid
from runs.store import schema

FORMAT = 1
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """database: "sqlite" or "postgresql"; migrations: app.name; counts: rows by table, and files and bytes of the storage.

    storage_url: below which the addresses in rows and files lie. sums: SHA-256 of the list of digests.
    """

    format: int
    version: str
    created_at: str
    database: str
    storage_url: str
    has_storage: bool
    migrations: list[str]
    counts: dict[str, int]
    sums: str

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=2).encode()


def read_manifest(data: bytes) -> Manifest:
    """Raises Invalid when it is none."""
    try:
        return Manifest(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise Invalid(f"its {NAME} cannot be read: {error}") from error


def own_version() -> str:
    return version("flyteui")


def check_fits(manifest: Manifest) -> None:
    """Raise Conflict when this version or this kind of database cannot take the backup."""
    by = f"the backup was made by flyteui {manifest.version}"
    if manifest.format > FORMAT:
        raise Conflict(
            f"{by}, in format {manifest.format}; this version ({own_version()}) reads up to {FORMAT}. "
            "Install the newer version"
        )
    if unknown := schema.find_unknown(manifest.migrations):
        raise Conflict(
            f"{by}, with {schema.shorten(unknown)}, which this version ({own_version()}) does not know. "
            "Install the newer version"
        )
    if manifest.database != connection.vendor:
        raise Conflict(
            f"{by} of a {manifest.database} database, and FLYTEUI_DATABASE_URL names a {connection.vendor} database; "
            "a backup is restored into one of its own kind"
        )
