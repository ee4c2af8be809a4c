"""Who may run a run again: whoever may create runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runs.domain.roles import Role
from runs.models import AuditEntry, Run
from tests.access.conftest import browser_of
from tests.support.reruns import make_source

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("signing_in")]
RUN = "/v2/domain/development/project/flytesnacks/runs/source"
RERUN = f"{RUN}/rerun"


@pytest.fixture(autouse=True)
def _source(settings: Any, tmp_path: Path, signing_in: None) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"
    make_source()


def test_an_editor_runs_again_and_the_audit_says_so():
    browser_of("eva", Role.EDITOR).post(RERUN, {"name": "second"})

    assert Run.objects.get(name="second").created_by.endswith("eva")
    entry = AuditEntry.objects.get(deed="submit")
    assert (entry.name, entry.outcome, entry.target) == (
        "eva",
        "done",
        "flytesnacks/development/source/second",
    )


@pytest.mark.parametrize(("role", "is_there"), [(Role.VIEWER, False), (Role.OPERATOR, True)])
def test_who_may_not_create_runs_is_refused_and_offered_nothing(role: Role, is_there: bool):
    client = browser_of("otto", role)

    answer = client.post(RERUN, {})
    page = client.get(RUN).content.decode()

    assert answer.status_code == client.get(RERUN).status_code == 403
    assert Run.objects.count() == 1
    assert ("data-may-submit" in page, "data-rerun" in page) == (False, is_there), (
        "CSS hides it from an operator"
    )
    assert AuditEntry.objects.filter(deed="submit", outcome="refused").count() == 1
