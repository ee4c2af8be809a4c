"""The panel says what an action has used, and what it uses now, where that is measured."""

from __future__ import annotations

import pytest
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Attempt
from tests.support import factories
from tests.views.test_panels import panel

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_attempt_says_what_it_has_used_where_that_was_measured():
    root = factories.make_run().actions.get()
    Attempt.objects.create(
        action=root, number=1, lease_epoch=1, cpu_seconds=3.14, peak_memory_bytes=412 * 2**20
    )

    assert "peak 412 MiB, 3.1 s CPU" in panel("a0", "attempts")

    Attempt.objects.update(cpu_seconds=None, peak_memory_bytes=None)
    assert "Used" not in panel("a0", "attempts")


def test_what_runs_in_a_process_of_its_own_says_what_it_uses_now():
    root = factories.make_run().actions.get()
    attempt = Attempt.objects.create(action=root, number=1, lease_epoch=1)
    assert "data-uses" not in panel("a0", "overview")  # nothing is measured on a shared loop

    factories.change(root, is_isolated=True)
    assert "not measured yet" in panel("a0", "overview")

    Attempt.objects.update(cpu_percent=12, memory_bytes=340 * 2**20)
    assert ">12% · 340 MiB</dd>" in panel("a0", "overview")

    Attempt.objects.filter(pk=attempt.pk).update(ended_at=timezone.now())
    factories.change(root, phase=Phase.SUCCEEDED, ended_at=timezone.now())
    assert "data-uses" not in panel("a0", "overview")
