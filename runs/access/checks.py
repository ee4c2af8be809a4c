"""Django's checks of our settings, which commands run before they do anything; the web process asks by itself."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from runs.access import exposure


def register() -> None:
    checks.register(check_exposure, checks.Tags.security)


def check_exposure(**options: Any) -> list[checks.CheckMessage]:
    """A server that others reach wants to know who asks."""
    problem = exposure.find_exposure()
    return [checks.Error(problem, id="flyteui.E001")] if problem else []


def refuse_exposure(host: str = "") -> None:
    """Raise ImproperlyConfigured where the server must not listen: on this address, or on that of the settings."""
    if problem := exposure.find_exposure(host):
        raise ImproperlyConfigured(problem)
