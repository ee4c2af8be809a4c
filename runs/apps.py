"""The Django application."""

from __future__ import annotations

from django.apps import AppConfig


class RunsConfig(AppConfig):
    """Runs, actions, executors."""

    name = "runs"
    default_auto_field = "django.db.models.BigAutoField"
