"""How many executors fit this machine; for how long things are kept; where secrets come from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from flyteui.settings import executors_that_fit, kept, read_secrets


@pytest.mark.parametrize(("limit", "expected"), [("4294967296\n", 16), ("1000000", 8)])
def test_a_limit_of_the_control_group_counts(tmp_path: Path, limit: str, expected: int):
    (tmp_path / "memory.max").write_text(limit)

    assert executors_that_fit(tmp_path / "memory.max") == expected


@pytest.mark.parametrize("limit", ["max", None])
def test_without_a_limit_the_memory_of_the_machine_does(tmp_path: Path, limit: str | None):
    file = tmp_path / "memory.max"
    if limit:
        file.write_text(limit)

    assert 8 <= executors_that_fit(file) <= 64


def test_what_is_kept_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FLYTEUI_KEEP_RUNS", "30d,scratch=12h")

    assert kept("KEEP_RUNS").of("scratch") == timedelta(hours=12)
    assert kept("KEEP_LOGS").is_for_ever


@pytest.mark.parametrize(
    ("value", "said"),
    [("soon", "FLYTEUI_KEEP_UNUSED: 'soon' must be"), ("9d,scratch=1d", "has 1d; it must be at least 2d")],
)
def test_a_server_with_a_time_that_cannot_be_does_not_start(
    monkeypatch: pytest.MonkeyPatch, value: str, said: str
):
    monkeypatch.setenv("FLYTEUI_KEEP_UNUSED", value)

    with pytest.raises(ImproperlyConfigured, match=said):
        kept("KEEP_UNUSED", least=timedelta(days=2))


def test_secrets_come_from_variables_with_a_prefix():
    assert read_secrets("") == ""
    assert read_secrets("env:TASKS_") == "TASKS_"
    for text in ("env:", "env", "vault:TASKS_", "env:9_", "env:A-B"):
        with pytest.raises(ImproperlyConfigured, match="must be env: and the prefix"):
            read_secrets(text)
