"""API keys: for programs without a person. A key has one role, in one project or in all, and is shown once.

To the `flyte` client it is an OAuth client that exchanges its secret for short-lived tokens; as it is printed it also works
as a bearer, for curl and Prometheus, and where the provider of tokens is somebody else.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password
from django.db import transaction
from django.utils.crypto import get_random_string
from oauth2_provider.models import Application

from runs.domain.errors import AlreadyExists, Invalid, NotFound
from runs.domain.roles import Role, Subject, Way
from runs.models import APIKey, Project
from runs.store import database
from runs.store.clock import wall_time

ID_PREFIX = "key-"
KEY_PREFIX = "key:"  # of a subject's id; a user's name has no colon
SECRET_LENGTH = 48
USE_PRECISION = timedelta(minutes=1)  # a bearer of every second costs a write a minute


class RandomSecretHasher(PBKDF2PasswordHasher):
    """For secrets that we made of random characters: nobody guesses one, so a slow hash would slow only ourselves."""

    algorithm = "random_secret"
    iterations = 1


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown, once. client_id, secret: its two parts; encoded: both with the server's name, as the client reads it."""

    name: str
    client_id: str
    secret: str

    @property
    def encoded(self) -> str:
        """Base64 of `endpoint:client id:secret:org`. The client looks for the port behind the first colon, so there is none."""
        host = urlsplit(settings.PUBLIC_URL).hostname or ""
        return base64.b64encode(f"{host}:{self.client_id}:{self.secret}:".encode()).decode()


@transaction.atomic
def create_key(
    name: str, role: Role, *, project: str | None, expires_at: datetime | None, created_by: str
) -> NewKey:
    """Make a key. Raises AlreadyExists for a name that is taken, NotFound for a project that is not there."""
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise Invalid(f"the name of a key has 1 to 100 printable characters; this is {name[:120]!r}")
    if APIKey.objects.filter(name=name).exists():
        raise AlreadyExists(f"there is a key {name!r} already; revoke it, or choose another name")
    where = None
    if project is not None and (where := Project.objects.filter(name=project).first()) is None:
        raise NotFound(f"there is no project {project!r}")
    made = NewKey(name, f"{ID_PREFIX}{get_random_string(16).lower()}", get_random_string(SECRET_LENGTH))
    client = Application.objects.create(
        name=f"API key {name}",
        client_id=made.client_id,
        client_secret=made.secret,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )
    APIKey.objects.create(
        name=name, client=client, role=role, project=where, expires_at=expires_at, created_by=created_by
    )
    return made


def id_of(name: str) -> int:
    """The id of the row of a key."""
    return APIKey.objects.values_list("pk", flat=True).get(name=name)


def revoke_key(name: str) -> None:
    """End a key and all of its tokens at once. Raises NotFound."""
    # The client's row takes its tokens and the key's row with it.
    deleted, _ = Application.objects.filter(api_key__name=name).delete()
    if not deleted:
        raise NotFound(f"there is no key {name!r}")


def subject_of_key(key: APIKey) -> Subject | None:
    """Who asks with a key or with one of its tokens; None when it has expired. The project must have been selected."""
    now = wall_time()
    if key.expires_at is not None and key.expires_at <= now:
        return None
    if key.last_used_at is None or key.last_used_at < now - USE_PRECISION:
        database.write_soon(_note_use, key.pk, now)
    role = Role(key.role)
    if key.project is None:
        return Subject(f"{KEY_PREFIX}{key.name}", key.name, Way.KEY, everywhere=role)
    return Subject(f"{KEY_PREFIX}{key.name}", key.name, Way.KEY, projects={key.project.name: role})


def is_key_in_force(name: str) -> bool:
    """Whether there is a key of this name that has not expired. One statement."""
    key = APIKey.objects.filter(name=name).only("expires_at").first()
    return key is not None and (key.expires_at is None or key.expires_at > wall_time())


def _note_use(key_id: int, at: datetime) -> None:
    APIKey.objects.filter(pk=key_id).update(last_used_at=at)


def find_subject(token: str) -> Subject | None:
    """The subject of a key that was sent as it was printed. One statement, if it looks like a key at all."""
    parts = _decode(token)
    if parts is None:
        return None
    client_id, secret = parts
    key = APIKey.objects.select_related("client", "project").filter(client__client_id=client_id).first()
    if key is None or not check_password(secret, key.client.client_secret):
        return None
    return subject_of_key(key)


def _decode(token: str) -> tuple[str, str] | None:
    try:
        parts = base64.b64decode(token, validate=True).decode("ascii").split(":")
    except (binascii.Error, ValueError):
        return None
    is_key = len(parts) == 4 and parts[1].startswith(ID_PREFIX)
    return (parts[1], parts[2]) if is_key else None
