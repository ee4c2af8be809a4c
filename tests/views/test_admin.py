from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Abort, CacheEntry
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize(
    "model", ["run", "action", "attempt", "abort", "cacheentry", "manner", "executor", "pool", "project"]
)
def test_lists_open_and_can_be_searched(admin: Client, model: str):
    run = factories.make_run("2")
    factories.make_abort(run.actions.get(name="a0"))

    assert admin.get(reverse(f"admin:runs_{model}_changelist"), {"q": "a0"}).status_code == 200


def test_an_action_shows_its_events_and_nothing_can_be_written(admin: Client):
    root = factories.make_run("1").actions.get(name="a0")
    factories.make_event(root, Phase.RUNNING)

    text = admin.get(reverse("admin:runs_action_change", args=[root.pk])).content.decode()

    assert "started" in text
    assert 'name="phase"' not in text
    assert admin.get(reverse("admin:runs_action_add")).status_code == 403
    assert admin.get(reverse("admin:runs_run_delete", args=[root.run_id])).status_code == 403


def test_what_is_kept_can_be_forgotten(admin: Client):
    entry = CacheEntry.objects.create(key="global:k", output_uri="file:///x", created_at=timezone.now())

    admin.post(reverse("admin:runs_cacheentry_delete", args=[entry.pk]), {"post": "yes"})

    assert not CacheEntry.objects.exists()


def test_actions_are_filtered_by_phase_and_project(admin: Client):
    factories.make_run("2")

    url = reverse("admin:runs_action_changelist")

    assert admin.get(url, {"phase__exact": Phase.RUNNING, "run__project__id__exact": 1}).status_code == 200


def test_abort_selected_goes_through_operations(admin: Client):
    run = factories.make_run("2")
    child = run.actions.get(name="a0-1")

    admin.post(
        reverse("admin:runs_action_changelist"), {"action": "abort_selected", "_selected_action": [child.pk]}
    )

    abort = Abort.objects.get()
    assert (abort.target_id, abort.actor) == (child.pk, "root")


def test_abort_selected_runs(admin: Client):
    run = factories.make_run("2")

    admin.post(
        reverse("admin:runs_run_changelist"), {"action": "abort_selected", "_selected_action": [run.pk]}
    )

    assert Abort.objects.get().scope == Abort.Scope.RUN
