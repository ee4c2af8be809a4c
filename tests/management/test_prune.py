"""`flyteui prune` says first, and then does, the same."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from runs.models import AuditEntry, LogChunk, Run
from runs.store import storage
from tests.engine.retention.conftest import MakeEnded, files, make_ended, root

__all__ = ["make_ended", "root"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)


def prune(*options: str) -> str:
    out = StringIO()
    call_command("prune", *options, stdout=out)
    return out.getvalue()


def test_a_dry_run_says_counts_and_bytes_and_changes_nothing(make_ended: MakeEnded, root: Path):
    make_ended("old", days=31)
    make_ended("young", days=8)
    before = files(root)

    said = prune("--dry-run", "--runs", "30d", "--logs", "7d")

    assert "Would delete 1 run with 3 actions and 4 files, 7 B; the logs of 2 runs (" in said
    assert "Nothing was changed." in said
    assert files(root) == before
    assert (Run.objects.count(), LogChunk.objects.count()) == (2, 6)


def test_it_deletes_what_it_said(make_ended: MakeEnded, root: Path):
    make_ended("old", days=31)
    make_ended("young", days=8)

    said = prune("--runs", "30d", "--logs", "7d", "--vacuum")

    assert (
        "Deleted 1 run with 3 actions, the logs of 1 run, 0 cache entries, 0 entries of the audit, and 4 files (7 B)."
        in said
    )
    assert "has given its free space back" in said
    assert Run.objects.get().name == "young"
    assert LogChunk.objects.count() == 0


def test_the_audit_is_kept_as_long_as_its_project_says(root: Path):
    for project, days in (("mine", 31), ("mine", 29), ("theirs", 31), ("", 31), ("", 5)):
        AuditEntry.objects.create(deed="abort", project=project, at=timezone.now() - timedelta(days=days))
    options = ("--audit", "10d,mine=30d,theirs=")

    assert "2 entries of the audit" in prune("--dry-run", *options)
    assert "2 entries of the audit" in prune(*options)

    assert sorted(AuditEntry.objects.values_list("project", flat=True)) == ["", "mine", "theirs"]


def test_without_options_the_settings_count(make_ended: MakeEnded, settings: Any):
    make_ended("old", days=3000)

    assert "Deleted 0 runs" in prune()


def test_unused_files_are_counted_too(make_ended: MakeEnded, root: Path):
    make_ended("one")
    storage.write_bytes(f"file://{root}/_uploads/flytesnacks/development/x/y.csv", b"12345")

    assert "and 0 files that nothing uses" in prune("--dry-run", "--unused", "2d")


def test_what_is_no_time_is_refused_with_the_name_of_the_option():
    with pytest.raises(CommandError, match="--runs: 'soon' must be a whole number"):
        prune("--runs", "soon")
