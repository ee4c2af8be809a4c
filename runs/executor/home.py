"""Where an executor keeps the code of its pool: a folder for each bundle, below the home folder.

Beside it stands from which modules of the bundle tasks were loaded, so that a zygote can import them before a run begins.
No SDK here, because the worker reads it too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path


def bundle_folder(uri: str, home: Path, environment: str = "") -> Path:
    """The address of a bundle contains its digest, so the folder is named after the address.

    environment: the folder of the environment whose files lie beside those of the bundle; "" for none.
    """
    place = "\n".join(filter(None, (uri, environment)))
    return home / "bundles" / hashlib.sha256(place.encode()).hexdigest()[:32]


def note_module(uri: str, home: Path, module: str) -> None:
    """Remember that a task of this bundle was loaded from this module."""
    noted = bundle_folder(uri, home).with_suffix(".modules")
    noted.mkdir(exist_ok=True)
    (noted / module).touch()


def list_modules(uri: str, home: Path) -> list[str]:
    """The modules that were noted; none before a run has loaded a task."""
    noted = bundle_folder(uri, home).with_suffix(".modules")
    return sorted(file.name for file in noted.iterdir()) if noted.is_dir() else []
