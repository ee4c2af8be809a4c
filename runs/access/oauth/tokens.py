"""Access tokens that we have given out (validator.py), as subjects."""

from __future__ import annotations

import hashlib

from django.conf import settings
from oauth2_provider.models import AccessToken

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
