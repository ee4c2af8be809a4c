"""The level of a line, in the formats that loggers have."""

from __future__ import annotations

import pytest

from runs.domain.logs.levels import read_level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("[r2mn][a0] WARNING the disk is nearly full", "warning"),
        ("[r2mn][a0] [flyte] DEBUG begins", "debug"),
        ("INFO:root:it begins", "info"),
        ("INFO:     Uvicorn is running", "info"),
        ("2026-11-30 12:00:00,123 - my.module - ERROR - it failed", "error"),
        ("12:00:00 | CRITICAL | my_module:main:3 - stop", "critical"),
        ("[2026-11-30 12:00:00] [WARN] low", "warning"),
        ("FATAL: no space", "critical"),
        ("2026-11-30 [info     ] started    count=3", "info"),
        ('{"timestamp": "2026-11-30", "level": "ERROR", "message": "INFO"}', "error"),
        ('{"message": "WARNING", "levelname": "info"}', "info"),
        ('{"message": "WARNING"}', ""),
        ('{"level": "strange"}', ""),
        ("the INFORMATION desk", ""),
        ("an error in lower case", ""),
        ("x" * 400 + " ERROR far behind", ""),
        ("", ""),
    ],
)
def test_the_level_is_the_one_that_the_format_names(text: str, level: str):
    assert read_level(text) == level
