"""What the repository itself promises: locked versions, and no trace of the machine that it was written on."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.arch.sources import ROOT, files_under

BINARY_SUFFIXES = frozenset({".png", ".ico", ".woff2", ".gz", ".tgz", ".sqlite3"})
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", re.MULTILINE)


def unlocked(pyproject: str, lock: str) -> list[str]:
    """Return the requirements that the lock does not satisfy."""
    project = tomllib.loads(pyproject)["project"]
    wanted = [*project["dependencies"]]
    for extra in project.get("optional-dependencies", {}).values():
        wanted += extra
    pins = {canonicalize_name(name): version for name, version in PIN.findall(lock)}
    return [
        str(requirement)
        for requirement in map(Requirement, wanted)
        if not requirement.specifier.contains(pins.get(canonicalize_name(requirement.name), "0"))
    ]


def lines_naming_a_place(lock: str) -> list[str]:
    """Return the lines of a lock that only hold where it was made: an index, a URL, a path."""
    return [
        line
        for line in lock.splitlines()
        if re.search(r"://|^-|--(index|extra|find|trusted)| @ |^\s*[./]", line)
    ]


def mentions(text: str, places: list[str]) -> list[str]:
    return [place for place in places if place in text]


def test_the_lock_satisfies_pyproject() -> None:
    assert unlocked((ROOT / "pyproject.toml").read_text(), (ROOT / "requirements.lock").read_text()) == []


def test_a_requirement_that_the_lock_misses_is_found() -> None:
    pyproject = '[project]\ndependencies = ["django==5.2.*", "httpx>=0.28"]'

    assert unlocked(pyproject, "django==5.1.0 \\\n") == ["django==5.2.*", "httpx>=0.28"]


def test_the_lock_names_no_index_host_or_path() -> None:
    assert lines_naming_a_place((ROOT / "requirements.lock").read_text()) == []


def test_an_index_in_a_lock_is_found() -> None:
    lock = "--index-url https://example.org/simple\nflyteui @ file:///src\n./here\ndjango==5.2\n"

    assert len(lines_naming_a_place(lock)) == 3


def test_no_file_names_a_path_of_this_machine() -> None:
    places = [f"{ROOT}/"]
    if Path.home().parent in {Path("/"), Path("/home"), Path("/Users")}:  # and not, say, a temporary folder
        places.append(f"{Path.home()}/")
    texts = (path for path in files_under(ROOT) if path.suffix not in BINARY_SUFFIXES)

    found = {path: mentions(path.read_text("utf-8", errors="replace"), places) for path in texts}

    assert {path: places for path, places in found.items() if places} == {}


def test_a_path_of_this_machine_is_found() -> None:
    assert mentions(f"see {ROOT}/notes", [f"{ROOT}/"]) == [f"{ROOT}/"]
