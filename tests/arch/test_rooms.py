"""The street plan: rooms that can be overlooked, modules that are worth a file, paths in the documents that exist."""

from __future__ import annotations

import ast
import re
import statistics
from collections import Counter
from pathlib import Path

import pytest

from tests.arch.sources import PRODUCT, ROOT, files_under, python_files
from tests.support.documents import documents

MOST_FILES = 20
MOST_PARTS = 15  # of the pages: templates and scripts
FEWEST_LINES = 25
# A short module says why in its docstring.
SHORTNESS_WAIVER = re.compile(r"^[^#]*\bShort, because \w.{20,}")
MEDIAN_LINES = 8
WHERE = re.compile(r"`((?:runs|flyteui|static|templates|tests|benchmarks)/[\w./-]+)`")


def crowded(folder: str, suffix: str, most: int) -> dict[str, int]:
    """How many files of a kind each folder holds directly, where they are too many."""
    parents = (path.parent for path in files_under(ROOT / folder) if path.suffix == suffix)
    counted = Counter(parent.relative_to(ROOT).as_posix() for parent in parents)
    return {parent: count for parent, count in counted.items() if count > most}


def test_a_room_can_be_overlooked() -> None:
    counted = Counter(path.parent.relative_to(ROOT).as_posix() for path in python_files(*PRODUCT))

    assert {room: count for room, count in counted.items() if count > MOST_FILES} == {}


@pytest.mark.parametrize(("folder", "suffix"), [("static/js", ".js"), ("templates/runs", ".html")])
def test_a_folder_of_the_pages_can_be_overlooked(folder: str, suffix: str) -> None:
    assert crowded(folder, suffix, MOST_PARTS) == {}


def test_a_module_is_worth_a_file() -> None:
    short = {
        path.relative_to(ROOT).as_posix(): text.count("\n")
        for path in python_files(*PRODUCT)
        if path.name != "__init__.py"
        and (text := path.read_text("utf-8")).count("\n") < FEWEST_LINES
        and not SHORTNESS_WAIVER.search(text)
    }

    assert short == {}


def test_functions_are_short() -> None:
    sizes = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in python_files(*PRODUCT)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    assert statistics.median(sizes) <= MEDIAN_LINES


@pytest.mark.parametrize("page", documents(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_that_a_document_names_is_there(page: Path) -> None:
    named = set(WHERE.findall(page.read_text("utf-8")))

    assert sorted(name for name in named if not Path(ROOT, name).exists()) == []
