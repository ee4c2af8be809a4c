"""Who may launch a task: whoever may create runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runs.domain.roles import Role
from runs.models import AuditEntry
from tests.access.conftest import browser_of
from tests.support.tasks import deploy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("signing_in")]
LAUNCH = "/v2/domain/development/project/flytesnacks/tasks/env.train/launch"


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path, signing_in: None) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"


def test_only_who_may_create_runs_may_launch_and_the_audit_names_the_task():
    deploy()
    fields = {"version": "v1", "in.steps": "3", "name": "mine"}

    viewer = browser_of("vera", Role.VIEWER)
    assert viewer.get(LAUNCH).status_code == 403
    assert "Launch…" not in viewer.get(LAUNCH.removesuffix("/launch")).content.decode()
    assert browser_of("otto", Role.OPERATOR).post(LAUNCH, fields).status_code == 403
    assert browser_of("eva", Role.EDITOR).post(LAUNCH, fields).status_code == 303

    entry = AuditEntry.objects.get(deed="submit", outcome="done")
    assert entry.target == "flytesnacks/development/env.train/mine"
