"""Whether the database answers."""

from __future__ import annotations

from runs.models import Project


def check_database() -> None:
    """database"""
    Project.objects.values_list("pk").first()
