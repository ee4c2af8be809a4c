"""The form that launches a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from runs.models import Run
from runs.store import storage
from tests.support import factories
from tests.support.tasks import deploy

pytestmark = pytest.mark.django_db(transaction=True)
LAUNCH = "/v2/domain/development/project/flytesnacks/tasks/env.train/launch"


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"
    factories.make_project()


def test_the_form_is_filled_with_the_defaults_of_the_version_and_starts_it():
    deploy(version="v1", defaults={"lr": 0.5})
    deploy(version="v2")

    html = Client().get(f"{LAUNCH}?version=v1").content.decode()
    assert 'name="in.lr" data-value value="0.5"' in html
    assert '<option value="v1" selected>' in html
    assert 'name="recover"' not in html
    assert "in.lr" not in Client().get(LAUNCH).content.decode()
    answer: Any = Client().post(
        LAUNCH, {"version": "v1", "in.steps": "3", "name": "first", "envs": "", "labels": ""}
    )

    run = Run.objects.get()
    assert (answer.status_code, answer["Location"].rpartition("/")[2], run.name) == (303, "first", "first")
    assert run.actions.filter(spec__version="v1").count() == 1


def test_what_is_wrong_is_said_at_its_field_and_nothing_starts():
    deploy()

    missing = Client().post(LAUNCH, {"version": "v1", "in.steps": "", "envs": "NO", "labels": ""})

    html = missing.content.decode()
    assert missing.status_code == 400
    assert html.count('aria-invalid="true"') == 2
    assert not Run.objects.exists()
    Client().post(LAUNCH, {"version": "v1", "in.steps": "3", "name": "twice"})
    again = Client().post(LAUNCH, {"version": "v1", "in.steps": "3", "name": "twice"})
    assert (again.status_code, Run.objects.count()) == (409, 1)


def test_what_cannot_run_is_offered_nowhere_and_the_page_says_why():
    deploy(bundle=storage.upload_uri("flytesnacks", "development", "code", "gone.tgz"))

    form = Client().get(LAUNCH).content.decode()
    page = Client().get(LAUNCH.removesuffix("/launch")).content.decode()

    assert "its code is no longer in the storage" in form
    assert "its code is no longer in the storage" in page
    assert 'type="submit" class="button primary"' not in form
    assert "Launch…" not in page
