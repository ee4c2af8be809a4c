"""The code keeps the rules of `rules.py`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.arch import rules
from tests.arch.sources import ADAPTERS, PRODUCT, ROOT, files_under, python_files


def offences(rule: rules.Rule, paths: Iterable[Path]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{found}" for path in paths for found in rule(path.read_text("utf-8"))]


def test_only_transitions_writes_phases() -> None:
    # The executor holds no rows: what it calls a phase is what it was told.
    paths = python_files("runs", but=["runs/engine/book", "runs/executor"])

    assert offences(rules.phase_writes, paths) == []


def test_adapters_leave_the_orm_to_queries_and_operations() -> None:
    assert offences(rules.orm_access, python_files(*ADAPTERS)) == []


def test_templates_leave_the_orm_to_queries() -> None:
    templates = (path for path in files_under(ROOT / "templates") if path.suffix == ".html")

    assert offences(rules.orm_access_in_template, templates) == []


def test_pure_files_import_the_standard_library_only() -> None:
    rooms = [f"runs/{name.replace('.', '/')}" for name in rules.PURE]

    assert offences(rules.impure_imports, python_files(*rooms)) == []


def test_only_sdk_py_imports_private_modules_of_flyte() -> None:
    paths = python_files(*PRODUCT, "benchmarks", but=["runs/executor/flyte/sdk.py"])

    assert offences(rules.private_flyte_imports, paths) == []


def test_only_events_sends_to_the_channel_layer() -> None:
    assert offences(rules.channel_sends, python_files("runs", but=["runs/store/hints"])) == []


def test_async_code_enters_the_orm_by_one_door() -> None:
    assert offences(rules.async_doors, python_files(*PRODUCT, but=["runs/store/database"])) == []


def test_tests_wait_for_events_and_never_sleep() -> None:
    assert offences(rules.sleeps, python_files("tests", but=["tests/workflows"])) == []


def test_browser_tests_wait_for_functions() -> None:
    assert offences(rules.waits_for_expressions, python_files("tests", "benchmarks")) == []


def test_files_are_short() -> None:
    assert offences(rules.too_long, python_files(*PRODUCT, "tests", "benchmarks", "examples", "manage")) == []


def test_no_has_selector_restyles_all_rows() -> None:
    sheets = (path for path in files_under(ROOT / "static" / "css") if path.suffix == ".css")

    assert offences(rules.wide_has, sheets) == []
