"""What our commands have in common. Short, because it is one attribute with a reason."""

from __future__ import annotations

from django.core.checks import Tags
from django.core.management.base import BaseCommand


class ServerCommand(BaseCommand):
    """A command that begins soon: of Django's checks, those of the settings that guard a server.

    The others are for who changes the code (`manage.py check`); they load the code of every page, which takes as long as Django itself.
    """

    requires_system_checks = (Tags.security,)
