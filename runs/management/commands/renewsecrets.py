"""`manage.py renewsecrets`: encrypt all secrets by the present key, so that older ones can be forgotten."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError

from runs.domain.texts import counted
from runs.engine import secrets
from runs.management.base import ServerCommand


class Command(ServerCommand):
    """Encrypt the values of all secrets anew."""

    help = (
        "Encrypt all secrets by FLYTEUI_SECRET_KEY. Those that were encrypted by an older key are read by "
        "FLYTEUI_SECRET_KEY_FALLBACKS, which is not needed for them afterwards. A server may go on meanwhile."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        renewed, unreadable = secrets.renew_secrets()
        self.stdout.write(f"encrypted {counted(renewed, 'secret')} by the present key")
        if unreadable:
            names = ", ".join(map(str, unreadable))
            raise CommandError(
                f"no key of the server decrypts {names}: add theirs to FLYTEUI_SECRET_KEY_FALLBACKS"
            )
