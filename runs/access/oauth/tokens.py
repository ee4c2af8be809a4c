"""Access tokens that we have given out (validator.py): whose they are, and when all of somebody's end."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.contrib.auth.models import User
from oauth2_provider.models import AccessToken, DeviceGrant, Grant, RefreshToken

from runs.access.oauth import keys
from runs.access.sessions import subject_of_user
from runs.domain.roles import Subject, Way
from runs.store.clock import wall_time


def find_subject(token: str) -> Subject | None:
    """The user or the key that a token of ours was given to, if both are in force. Up to three statements."""
    if settings.AUTH != "password":
        return None
    checksum = hashlib.sha256(token.encode()).hexdigest()
    found = (
        AccessToken.objects.select_related("user", "application__api_key__project")
        .filter(token_checksum=checksum, expires__gt=wall_time())
        .first()
    )
    if found is None:
        return None
    if found.user is not None:
        return subject_of_user(found.user, Way.CLI) if found.user.is_active else None
    key = getattr(found.application, "api_key", None)
    return keys.subject_of_key(key) if key is not None else None


class EndTokens:
    """In AUTH_PASSWORD_VALIDATORS: Django tells it that a password was changed, by whomever and in whichever way.

    Sessions end by themselves, for their cookies are signed with the hash. That a hash is renewed at a sign-in is no change.
    """

    def validate(self, password: str, user: User | None = None) -> None:
        """Any password will do."""

    def get_help_text(self) -> str:
        return "A new password signs out all browsers and programs."

    def password_changed(self, password: str, user: User | None = None) -> None:
        for kind in (RefreshToken, AccessToken, Grant, DeviceGrant):
            kind.objects.filter(user=user).delete()
