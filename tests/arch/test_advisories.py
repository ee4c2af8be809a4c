"""What `make check` makes of pip-audit's report: an advisory fails it, a machine without an index of them does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests import advisories

ADVISORY = {"id": "GHSA-1", "fix_versions": ["5.2.1"]}


def report(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": [{"name": "django", "version": "5.2.0", "vulns": list(vulnerabilities)}]}


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (report(ADVISORY), 1, "django 5.2.0: GHSA-1, mended in 5.2.1"),
        ({}, 0, "not looked at, because no index of them can be reached"),
    ],
)
def test_an_advisory_fails_the_check(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: dict[str, Any],
    code: int,
    said: str,
):
    monkeypatch.setattr(advisories, "audit", lambda _: answer)

    assert advisories.main() == code
    assert said in capsys.readouterr().out
