from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from runs.admin.history import ref_of
from runs.domain.addresses.pages import action_path
from runs.domain.names import ActionRef
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

    asked = {"action": "abort_selected", "_selected_action": [child.pk]}
    page = admin.post(reverse("admin:runs_action_changelist"), asked).content.decode()

    assert 'name="reason"' in page
    assert str(child.name) in page
    assert not Abort.objects.exists()

    admin.post(
        reverse("admin:runs_action_changelist"), {**asked, "confirmed": "Abort", "reason": " too slow "}
    )

    abort = Abort.objects.get()
    assert (abort.target_id, abort.actor, abort.reason) == (child.pk, "root", "too slow")


def test_abort_selected_asks_only_of_what_runs(admin: Client):
    run = factories.make_run("2")
    child = run.actions.get(name="a0-1")
    child.phase, child.ended_at = Phase.SUCCEEDED, timezone.now()
    child.save()
    url, asked = reverse("admin:runs_action_changelist"), {"action": "abort_selected"}

    alone = admin.post(url, {**asked, "_selected_action": [child.pk]}, follow=True).content.decode()
    page = admin.post(
        url, {**asked, "_selected_action": [one.pk for one in run.actions.all()]}
    ).content.decode()

    assert "Nothing to abort" in alone
    assert "1 of the selected has ended and stays as it is" in page


def test_who_may_only_look_is_offered_no_abort():
    looker = User.objects.create_user("looker", is_staff=True)
    create_permissions(apps.get_app_config("runs"), verbosity=0)
    looker.user_permissions.add(Permission.objects.get(codename="view_action"))
    client = Client()
    client.force_login(looker)
    child = factories.make_run("2").actions.get(name="a0-1")
    url = reverse("admin:runs_action_changelist")

    assert "abort_selected" not in client.get(url).content.decode()
    asked = {"action": "abort_selected", "_selected_action": [child.pk]}
    client.post(url, {**asked, "confirmed": "Abort"})
    assert not Abort.objects.exists()


def test_a_page_without_save_says_why(admin: Client):
    root = factories.make_run("1").actions.get(name="a0")

    text = admin.get(reverse("admin:runs_action_change", args=[root.pk])).content.decode()

    assert "Read-only: what has happened is not edited by hand" in text
    assert 'name="_save"' not in text


def test_the_panel_leads_staff_to_the_admin_site_and_nobody_else(admin: Client):
    run = factories.make_run("2")
    child = run.actions.get(name="a0-1")
    url = action_path(ActionRef(ref_of(run), child.name)).split("?")[0] + f"/actions/{child.name}"
    link = reverse("admin:runs_action_change", args=[child.pk])

    assert link in admin.get(url).content.decode()
    assert link not in Client().get(url).content.decode()
    assert action_path(ActionRef(ref_of(run), child.name)) in admin.get(link).content.decode()


def test_abort_selected_runs(admin: Client):
    run = factories.make_run("2")

    admin.post(
        reverse("admin:runs_run_changelist"),
        {"action": "abort_selected", "_selected_action": [run.pk], "confirmed": "Abort"},
    )

    assert Abort.objects.get().scope == Abort.Scope.RUN
