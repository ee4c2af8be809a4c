"""Object stores: reached as the SDK reaches them in executors, by obstore and with the same variables of the environment.

AWS_*, GOOGLE_* and AZURE_* are obstore's own; FLYTE_AWS_* are the SDK's, for a store that is like S3.
"""

from __future__ import annotations

import os
from typing import Any

import fsspec
from obstore.fsspec import FsspecStore, register

from runs.domain.addresses.storage import split_scheme

PROTOCOLS = ("s3", "gs", "abfs", "abfss")
_S3 = {
    "endpoint": "FLYTE_AWS_ENDPOINT",
    "access_key_id": "FLYTE_AWS_ACCESS_KEY_ID",
    "secret_access_key": "FLYTE_AWS_SECRET_ACCESS_KEY",
}


def find_store(uri: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The store that has an address, and the name that the store knows it by."""
    scheme = split_scheme(uri)[0]
    if scheme in PROTOCOLS:
        _register(scheme)
    found: tuple[fsspec.AbstractFileSystem, str] = fsspec.core.url_to_fs(
        uri, **(_s3_options() if scheme == "s3" else {})
    )
    return found


def _register(scheme: str) -> None:
    """Once a process: fsspec itself would ask for a library of each store."""
    known = fsspec.registry.get(scheme)
    if known is None or not issubclass(known, FsspecStore):
        register(scheme)


def _s3_options() -> dict[str, Any]:
    config = {name: os.environ[variable] for name, variable in _S3.items() if os.environ.get(variable)}
    if not config:
        return {}
    is_plain = config.get("endpoint", "").startswith("http://")
    return {"config": config} | ({"client_options": {"allow_http": True}} if is_plain else {})
