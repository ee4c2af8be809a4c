"""Bearer tokens as subjects: the one place where each kind of token is tried.

A kind is a function that returns the subject of a token, or None when the token is none of its kind or has ended.
"""

from __future__ import annotations

from collections.abc import Callable

from runs.access.oauth import keys
from runs.access.oauth import tokens as oauth_tokens
from runs.access.oidc import accounts, provider
from runs.access.tokens import subject_of_command, subject_of_run
from runs.domain.roles import Subject
from runs.store import database

Finder = Callable[[str], Subject | None]
FINDERS: list[Finder] = [
    subject_of_run,
    subject_of_command,
    keys.find_subject,
    oauth_tokens.find_subject,
    accounts.find_subject,
]


def subject_of_bearer(token: str) -> Subject | None:
    """The subject of a token, without the word Bearer. It reads the database: call it in a reader thread."""
    for find in FINDERS:
        if subject := find(token):
            return subject
    return None


async def identify(token: str) -> Subject | None:
    """`subject_of_bearer` from async code. The keys of an identity provider are asked for first, in no reader's time."""
    if not provider.has_keys():
        await provider.in_thread(provider.jwks)
    return await database.read(subject_of_bearer, token)


def read_bearer(authorization: str) -> str:
    """The token in an Authorization header, or ""."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
