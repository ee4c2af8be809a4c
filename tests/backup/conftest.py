"""An installation with one run and one file, and a second one that is empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.support.scene import Scene


@pytest.fixture
def storage(tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "first" / "storage"
    folder.mkdir(parents=True)
    settings.HOME, settings.STORAGE_URL = tmp_path / "first", f"file://{folder}"
    return folder


@pytest.fixture
def scene(storage: Path, transactional_db: None) -> Scene:
    """A run whose root is held by an executor."""
    scene = Scene()
    scene.start()
    return scene


@pytest.fixture
def elsewhere(scene: Scene, tmp_path: Path, settings: Any) -> Iterator[Any]:
    """Call it to go to the empty installation: another home, storage and database. The test ends in the first one."""
    name = connection.settings_dict["NAME"]
    other = tmp_path / "second"

    def go() -> Path:
        other.mkdir()
        settings.HOME, settings.STORAGE_URL = other, f"file://{other}/storage"
        if connection.vendor == "sqlite":
            use(str(other / "flyteui.sqlite3"))
        else:
            execute(f"CREATE DATABASE {name}_second")
            use(f"{name}_second")
        return other

    def use(database: str) -> None:
        connection.close()
        connection.settings_dict["NAME"] = database

    def execute(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    yield go
    use(name)
    if connection.vendor != "sqlite":
        execute(f"DROP DATABASE IF EXISTS {name}_second")
