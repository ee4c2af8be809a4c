"""The Django application. Short, because Django looks for it in a module of this name."""

from __future__ import annotations

from django.apps import AppConfig


class RunsConfig(AppConfig):
    """Runs, actions, executors."""

    name = "runs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from runs.access import checks, sign_ins

        checks.register()
        sign_ins.connect()
